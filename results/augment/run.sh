#!/usr/bin/env bash
# BC and MAC trained on raw and on augmented demonstrations: alone, and with an operator who
# follows one of these demonstrations. From the project's root; MAC_CONTROL_DATA names the folder
# of the human demonstrations. Goes on where it was interrupted.
set -euo pipefail
here=results/augment
work="${1:-runs/augment}"
[ -d "$work/robust" ] ||
    mac-control augment --data kitchen-complete-v0 --out "$work/robust" --report "$here"
for policy in bc mac; do
    mac-control train --policy "$policy" --scale demo --seeds 0,1,2 \
        --data kitchen-complete-v0 --out "$work/$policy-raw"
    mac-control train --policy "$policy" --scale demo --seeds 0,1,2 \
        --data "$work/robust" --out "$work/$policy-robust"
done
mac-control evaluate --operators tracker --given 0,1,3,5 --episodes 20 \
    --data kitchen-complete-v0 --out "$here" \
    --policies bc-raw="$work/bc-raw" mac-raw="$work/mac-raw" \
    bc-robust="$work/bc-robust" mac-robust="$work/mac-robust"
