#!/usr/bin/env bash
# An operator who alone knows which four of seven subtasks are wanted. Needs no demonstrations: 400
# episodes of play are collected. From the project's root; goes on where it was interrupted. The first three commands
# at commit 2bf8a17, with `--entrants` in place of `--only`: since 3c0fecb MAC is a third of its size.
set -euo pipefail
mac-control evaluate --suite private-goal --only bc,mac,mixture_bc_intent,mac_intent --size.steps 8000 --size.bf16 True \
    --out runs/private-goal
cp runs/private-goal/{results.json,results.md} results/private-goal/
# Those whose steps cost a fifth of MAC's, for about as long as MAC.
mac-control evaluate --suite private-goal --only bc,mixture_bc_intent,diffusion --blocks "with a private goal" \
    --size.steps 40000 --out runs/private-goal-longer
mkdir -p results/private-goal/longer
cp runs/private-goal-longer/{results.json,results.md} results/private-goal/longer/
# MAC with a belief, for twice as long.
mac-control evaluate --suite private-goal --only mac_intent --blocks "with a private goal" \
    --size.steps 16000 --size.bf16 True --out runs/private-goal-longer-mac
mkdir -p results/private-goal/longer-mac
cp runs/private-goal-longer-mac/{results.json,results.md} results/private-goal/longer-mac/
# For equal time with the MAC of today, a minute of one core each.
mac-control evaluate --suite private-goal --only mixture_bc_intent,mac_intent --blocks "with a private goal" \
    --size.bf16 True --out runs/private-goal-minute
mkdir -p results/private-goal/minute
cp runs/private-goal-minute/{results.json,results.md} results/private-goal/minute/
# Those that infer nothing, for as long.
mac-control evaluate --suite private-goal --only bc,diffusion,mac --blocks "with a private goal" --size.bf16 True \
    --out runs/private-goal-others
mkdir -p results/private-goal/minute-others
cp runs/private-goal-others/{results.json,results.md} results/private-goal/minute-others/
mac-control evaluate --suite private-goal --only ibc --blocks "with a private goal" \
    --size.bf16 True --out runs/private-goal-minute-ibc
mkdir -p results/private-goal/minute-ibc
cp runs/private-goal-minute-ibc/{results.json,results.md} results/private-goal/minute-ibc/
