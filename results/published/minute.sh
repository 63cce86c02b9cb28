#!/usr/bin/env bash
# A minute of training of each policy on the human demonstrations, recorded anew with a tenth of the noise on
# observations, also with corrective labels. From the project's root, MAC_CONTROL_DATA naming the folder of the
# human demonstrations; goes on where it was interrupted. An hour of one core.
set -euo pipefail
# The demonstrations, tracked without disturbance in an environment with little noise.
mac-control augment --env kitchen:tasks=complete:robot_noise_ratio=0.01 --data kitchen-complete-v0 --episodes 19 \
    --disturbance.strength 0 --disturbance.init-noise 0 --disturbance.interrupted 0 --out runs/low-noise
for suite in published:low-raw published-corrected:low-corrected; do
    low=(--suite "${suite%:*}" --data runs/low-noise --size.bf16 True --blocks alone)
    mac-control evaluate "${low[@]}" --only bc,mac --out "runs/${suite#*:}"
    mac-control evaluate "${low[@]}" --only bc_averaged --out "runs/${suite#*:}-chunks"
    mac-control evaluate "${low[@]}" --only mixture_bc,diffusion --size.seeds 3 --out "runs/${suite#*:}-others"
done
python results/published/gather.py runs
