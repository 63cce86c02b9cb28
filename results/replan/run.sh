#!/usr/bin/env bash
# Operators who replan, on the built-in demonstrations: five trainings of a minute each, 50 episodes a row.
# From the project's root; goes on where it was interrupted. The rest of the suite is the same without --only.
set -euo pipefail
mac-control evaluate --suite replan --data builtin --size.bf16 True --only bc,mixture_bc_conditioned,ibc,diffusion,mac \
    --blocks "operator alone,operators who replan" --out runs/replan
python results/replan/gather.py runs
