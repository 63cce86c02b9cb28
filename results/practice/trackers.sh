#!/usr/bin/env bash
# Practice with operators that track human demonstrations, varied in pace, place and order. Run it from the project's root
# after ../partial/minute.sh, with MAC_CONTROL_DATA naming the folder of the human demonstrations. Both runs were stopped by the
# clock, at these numbers of steps.
set -euo pipefail
out=runs/trackers began=runs/partial-minute/policies/fold-1/mac/seed-0
python - "$out/seen" <<'PY'
import sys
from pathlib import Path

from mac_control.demonstrations import load_demonstrations, save_minari
from mac_control.suites.run import folds

if not Path(sys.argv[1]).exists():
    seen, held_out = folds(load_demonstrations("kitchen-complete-v0"), 5)[1]
    save_minari(seen, sys.argv[1])
PY
practice=(mac-control practice --policy "$began" --data "$out/seen" --num-given 0 1 3 5 7 --lr 5e-5 --epochs 3 --bound 8
    --operators varied+noisy:std=0.05 varied:resync=true+noisy:std=0.05)
"${practice[@]}" --envs 40 --batch-size 1024 --spread 0.5 --correlation 0.9 --anchor 0.02 --steps 343391 --out "$out/narrow"
"${practice[@]}" --envs 160 --batch-size 4096 --spread 1 --correlation 0.95 --anchor 0.05 --steps 206922 --out "$out/wide"
python results/practice/trackers.py "$out"
