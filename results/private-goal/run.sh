#!/usr/bin/env bash
# An operator who alone knows which four of seven subtasks are wanted. Needs no demonstrations: 200
# episodes of play are collected. From the project's root; goes on where it was interrupted.
set -euo pipefail
mac-control evaluate --suite private-goal --entrants bc,mac --size.seeds 3 --size.episodes 20 \
    --size.made 200 --size.scale demo --size.bf16 True --out runs/private-goal
cp runs/private-goal/{results.json,results.md} results/private-goal/
