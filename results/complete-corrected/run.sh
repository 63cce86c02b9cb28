#!/usr/bin/env bash
# BC and MAC trained on kitchen-complete-v0 with corrective labels, made without a simulator: alone,
# and with a BC proxy operator (the same networks, also trained with corrections). From the
# project's root, MAC_CONTROL_DATA naming the folder of the human demonstrations; goes on where it
# was interrupted.
set -euo pipefail
for policy in bc mac; do
    mac-control train --policy "$policy" --data kitchen-complete-v0 --seeds 0,1,2 --scale demo \
        --bf16 --corrections 0.05 --out "runs/corrected/$policy"
done
mac-control evaluate --policies runs/corrected/bc runs/corrected/mac --operators nobody proxy \
    --given 0,1,3,5 --data kitchen-complete-v0 --episodes 20 --out results/complete-corrected
