#!/usr/bin/env bash
# The same search for every policy on the hand: eight settings each, a minute of one core and 50 episodes a setting.
# Run it from the project's root; resumes if interrupted. Three hours of one core. `hand.sh ball mac` runs only a part.
set -euo pipefail
runs=runs/tune-hand
wheres=${1:-door robust ball}
shift || true
[ $# -gt 0 ] || set -- bc mixture_bc diffusion mac ibc
for where in $wheres; do
    env=hand:task=door:end_on_success=true given=28 driver=hand-expert+noisy:std=0.02+group:arm:wrist
    case $where in
        door) data=$MAC_CONTROL_DATA/adroit/door_human.npz ;;
        robust)
            data=$runs/robust-data
            mac-control augment --env hand:task=door --data "$MAC_CONTROL_DATA/adroit/door_human.npz" \
                --episodes 200 --disturbance.strength 0.03 --disturbance.scene-noise 0.02 --disturbance.interrupted 0 \
                --disturbance.attempts 4 --disturbance.min-reward 100 --disturbance.max-steps 330 --out "$data"
            ;;
        ball)
            env=hand:task=relocate:hide_goal=true:end_on_success=true given=30 driver=hand-expert+noisy:std=0.02+k:3
            data=$runs/ball-data
            mac-control collect --env "$env" --operator hand-expert --episodes 150 --out "$data"
            ;;
    esac
    for policy; do
        mac-control tune --policy "$policy" --env "$env" --data "$data" --operator "$driver" --given "$given" \
            --episodes 50 --score successes --trials 8 --seconds 60 --workers 1 --out "$runs/$where-$policy"
        cp "$runs/$where-$policy/tuning.json" "results/tuning/$where-$policy.json"
    done
done
