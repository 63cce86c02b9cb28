#!/usr/bin/env bash
# BC and MAC trained on augmented demonstrations, compared with the raw ones: alone, and with an operator
# that follows one of the human demonstrations, which are in the training data. Run `make results`
# first: it trains the raw policies. Run this from the project's root, with MAC_CONTROL_DATA naming the
# folder of the human demonstrations; resumes if interrupted.
# The figures here were made when the tracking operator had gain 4 and no feedback on the fingers;
# `results/partial` has today's operator.
set -euo pipefail
work=runs/augment
[ -d "$work/robust" ] ||
    mac-control augment --data kitchen-complete-v0 --out "$work/robust" \
        --disturbance.attempts 5 --report results/augment
mac-control train --policy bc --scale demo --seeds 0,1,2 --data "$work/robust" --out "$work/bc"
mac-control train --policy mac --scale demo --seeds 0,1,2 --data "$work/robust" \
    --out "$work/mac"
for given in 0 0,1,3,5; do # autonomy first
    mac-control evaluate --operators tracker --given "$given" --episodes 20 \
        --data kitchen-complete-v0 --out results/augment --policies \
        bc-robust="$work/bc" mac-robust="$work/mac" \
        bc-raw=results/complete-raw/bc mac-raw=results/complete-raw/mac
done
