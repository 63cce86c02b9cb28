#!/usr/bin/env bash
# Operators who replan, on the built-in demonstrations. The suite's own size is five trainings × 50
# episodes; this is what ran: one training × 20. From the project's root; goes on where it was interrupted.
set -euo pipefail
small=(--suite replan --data builtin --size.bf16 True --size.seeds 1 --size.episodes 20 --blocks "operators who replan")
for entrant in mac bc; do
    mac-control evaluate "${small[@]}" --only "$entrant" --out "runs/replan-$entrant"
done
# The policy that ships, trained for ten minutes of a core.
mac-control evaluate --policies mac_longer=builtin --operators expert:order=tasks+noisy:std=0.05 \
    --num-given 0,1,3,5,7 --episodes 20 --out runs/replan-builtin
python results/replan/gather.py runs
