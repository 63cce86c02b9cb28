#!/usr/bin/env bash
# The same search for every policy on the door: eight settings each, a minute of one core and 50 episodes a setting,
# arm and wrist given. From the project's root; goes on where it was interrupted. An hour of one core.
set -euo pipefail
[ $# -gt 0 ] || set -- bc mixture_bc diffusion mac ibc
for policy; do
    mac-control tune --policy "$policy" --env hand:task=door:end_on_success=true \
        --data "$MAC_CONTROL_DATA/adroit/door_human.npz" --operator hand-expert+noisy:std=0.02+group:arm:wrist \
        --given 28 --episodes 50 --score successes --trials 8 --seconds 60 --workers 1 --out "runs/tune-hand/$policy"
    cp "runs/tune-hand/$policy/tuning.json" "results/tuning/hand-$policy.json"
done
