#!/usr/bin/env bash
# Operators that replan, on the built-in demonstrations: five trainings of a minute each, 50 episodes a row. With retrieval,
# with groups of dimensions, late and pausing: 10 episodes of each training. Run it from the project's root; resumes if
# interrupted.
set -euo pipefail
replan=(mac-control evaluate --suite replan --data builtin --size.bf16 True)
"${replan[@]}" --only bc,mixture_bc_conditioned,ibc,diffusion,mac --blocks "operator alone,operators who replan" --out runs/replan
"${replan[@]}" --only bc_recall,diffusion_recall,mac_recall --blocks "with a memory" --out runs/replan
"${replan[@]}" --only bc,mixture_bc_conditioned,diffusion,mac --blocks "groups and a joystick,late or pausing" \
    --out runs/replan
python results/replan/gather.py runs
