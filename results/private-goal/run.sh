#!/usr/bin/env bash
# An operator who alone knows which four of seven subtasks are wanted. Needs no demonstrations: 400
# episodes of play are collected. From the project's root; goes on where it was interrupted.
set -euo pipefail
mac-control evaluate --suite private-goal --entrants bc,mac,mixture_bc_intent,mac_intent --size.steps 8000 --size.bf16 True \
    --out runs/private-goal
cp runs/private-goal/{results.json,results.md} results/private-goal/
