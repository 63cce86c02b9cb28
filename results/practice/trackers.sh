#!/usr/bin/env bash
# Practice with operators that track human demonstrations, varied in pace, place and order; rated with operators that track
# held-out ones. Run it from the project's root after ../partial/minute.sh, with MAC_CONTROL_DATA naming the folder of the human
# demonstrations. Hours of a core; stop it when its curve is flat, and run it again to rate.
set -euo pipefail
fold=${1:-1} steps=${2:-3000000} out=runs/trackers
python - "$fold" "$out" <<'PY'
import sys
from pathlib import Path
from mac_control import load_demonstrations
from mac_control.demonstrations import save_minari
from mac_control.suites.run import folds

fold, out = int(sys.argv[1]), Path(sys.argv[2])
for name, part in zip(("seen", "held-out"), folds(load_demonstrations("kitchen-complete-v0"), 5)[fold]):
    if not (out / f"{name}-{fold}").exists():
        save_minari(part, out / f"{name}-{fold}")
PY
began=runs/partial-minute/policies/fold-$fold/mac/seed-0
mac-control practice --policy "$began" --out "$out/practised-$fold" --data "$out/seen-$fold" \
    --operators varied+noisy:std=0.05 varied:resync=true+noisy:std=0.05 --num-given 0 1 3 5 7 --envs 40 --lr 3e-5 \
    --epochs 3 --batch-size 1024 --bound 8 --anchor 0.02 --spread 0.5 --correlation 0.9 --steps "$steps"
mac-control evaluate --policies before="$began" after="$out/practised-$fold" --data "$out/held-out-$fold" \
    --operators tracker+noisy:std=0.05 tracker:resync=true+noisy:std=0.05 --num-given 0,1,3,5,7 --episodes 50 \
    --out "$out/rated-$fold"
