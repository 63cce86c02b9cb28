#!/usr/bin/env bash
# The best trial of each policy in the search of `run.sh`, and MAC's defaults: five trainings each, of as many steps as
# took 40 s in the search, rated by 50 other episodes a row. From the project's root, after run.sh; resumes if
# interrupted. An hour of one core.
set -euo pipefail
train() {  # NAME POLICY STEPS OPTION...
    mac-control train --policy "$2" --data runs/tune-data --steps "$3" --seeds 0,1,2,3,4 --workers 1 \
        --out "runs/winners/$1" "${@:4}"
    policies+=("$1=runs/winners/$1")
}
policies=()
train mac mac 2120 --mac.width 512 --lr 8.206409954333694e-4
train bc bc 23113
train mixture_bc mixture_bc 15369
train diffusion diffusion 17754
train ibc ibc 718
train mac_defaults mac 7004
mac-control evaluate --policies "${policies[@]}" --operators tracker+noisy:std=0.05 --num-given 0,3 --episodes 50 \
    --data runs/tune-data --out runs/winners/rated
python results/tuning/winners.py runs
