#!/usr/bin/env bash
# Practice with operators that track human demonstrations, varied in pace, place and order. Run it from the project's root
# after ../partial/minute.sh, with MAC_CONTROL_DATA naming the folder of the human demonstrations. All runs were stopped by the
# clock, at these numbers of steps.
set -euo pipefail
out=runs/trackers began=runs/partial-minute/policies/fold-1/mac/seed-0
python - "$out" <<'PY'
import sys
from pathlib import Path

from mac_control.demonstrations import load_demonstrations, save_minari
from mac_control.suites.run import folds

seen, held_out = folds(load_demonstrations("kitchen-complete-v0"), 5)[1]
stored, others = (
    seen.select([i for i in range(len(seen)) if (i % 3 == 1) is other]) for other in (False, True)
)
parts = {"seen": seen, "held-out": held_out, "stored": stored, "others": others}
for name, part in parts.items():
    if not Path(sys.argv[1], name).exists():
        save_minari(part, Path(sys.argv[1], name))
PY
practice=(mac-control practice --policy "$began" --data "$out/seen" --num-given 0 1 3 5 7 --epochs 3 --bound 8
    --operators varied+noisy:std=0.05 varied:resync=true+noisy:std=0.05)
"${practice[@]}" --lr 5e-5 --envs 40 --batch-size 1024 --spread 0.5 --correlation 0.9 --anchor 0.02 \
    --steps 343391 --out "$out/narrow"
"${practice[@]}" --lr 5e-5 --envs 160 --batch-size 4096 --spread 1 --correlation 0.95 --anchor 0.05 \
    --steps 206922 --out "$out/wide"
"${practice[@]}" --lr 2e-5 --envs 80 --batch-size 2048 --spread 0.5 --correlation 0.9 --anchor 0.02 \
    --critic-first 100000 --trace 0.98 --steps 987592 --out "$out/critic"
tracking=(tracker+noisy:std=0.05 tracker:resync=true+noisy:std=0.05)
rate=(mac-control evaluate --data "$out/held-out" --num-given 0,1,3,5,7 --operators "${tracking[@]}" --out "$out/rated")
"${rate[@]}" --policies before="$began" after="$out/critic" --episodes 30
# With retrieval of ten demonstrations; the operators track the other five.
mac-control train --wrapper retrieval --wrapped "$began" --data "$out/stored" --out "$out/began"
mac-control practice --policy "$out/began" --data "$out/others" --num-given 0 1 3 5 7 --epochs 3 --bound 8 \
    --operators "${tracking[@]}" varied:resync=true+noisy:std=0.05 --lr 2e-5 --envs 40 --batch-size 2048 --spread 0.5 \
    --correlation 0.9 --anchor 0.02 --critic-first 50000 --trace 0.98 --steps 685113 --out "$out/retrieval"
"${rate[@]}" --policies retrieval-before="$out/began" retrieval-after="$out/retrieval" --episodes 50
python results/practice/trackers.py "$out"
