#!/usr/bin/env bash
# A minute of training of each policy on the human demonstrations as they are, and recorded anew with a tenth of
# the observation noise, there also with corrective labels. Run it from the project's root, with MAC_CONTROL_DATA naming the
# folder of the human demonstrations; resumes if interrupted. Three hours of one core.
set -euo pipefail
asis=(--suite published --size.bf16 True)
mac-control evaluate "${asis[@]}" --size.seeds 20 --only bc,mac --blocks alone --out runs/published
mac-control evaluate "${asis[@]}" --size.seeds 20 --size.episodes 20 --only mac --blocks "with a BC proxy operator" \
    --out runs/published
mac-control evaluate "${asis[@]}" --only bc_averaged --blocks alone --out runs/published-chunks
mac-control evaluate "${asis[@]}" --only mixture_bc,diffusion --blocks alone --out runs/published-others
mac-control evaluate "${asis[@]}" --only ibc --blocks alone --out runs/published-ibc
# The demonstrations, tracked without disturbance in an environment with little noise.
mac-control augment --env kitchen:tasks=complete:robot_noise_ratio=0.01 --data kitchen-complete-v0 --episodes 19 \
    --disturbance.strength 0 --disturbance.init-noise 0 --disturbance.interrupted 0 --out runs/low-noise
for suite in published:low-raw published-corrected:low-corrected; do
    low=(--suite "${suite%:*}" --data runs/low-noise --size.bf16 True --blocks alone)
    mac-control evaluate "${low[@]}" --only bc,mac --out "runs/${suite#*:}"
    mac-control evaluate "${low[@]}" --only bc_averaged --out "runs/${suite#*:}-chunks"
    mac-control evaluate "${low[@]}" --only mixture_bc,diffusion --out "runs/${suite#*:}-others"
    mac-control evaluate "${low[@]}" --only ibc --out "runs/${suite#*:}-ibc"
done
python results/published/gather.py runs
