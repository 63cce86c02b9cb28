#!/usr/bin/env bash
# The same search for every policy. Run it from the project's root, with MAC_CONTROL_DATA naming the folder of the
# human demonstrations; resumes if interrupted.
set -euo pipefail
[ -d runs/tune-data ] || mac-control augment --data kitchen-complete-v0 --episodes 100 --out runs/tune-data
for policy in mac bc mixture_bc diffusion ibc; do
    mac-control tune --policy "$policy" --data runs/tune-data --operator tracker+noisy:std=0.05 \
        --given 0,3 --episodes 10 --trials 6 --seconds 40 --out "runs/tune/$policy"
    cp "runs/tune/$policy/tuning.json" "results/tuning/$policy.json"
done
