#!/usr/bin/env bash
# Practice by the operator's own goal, of the first training of MAC that infers intents: an hour of a core. From the
# project's root; goes on where it was interrupted. The practice was stopped by the clock, at this number of steps.
set -euo pipefail
mac-control evaluate --suite private-goal --only mac_intent --blocks "with a private goal" --size.bf16 True --size.seeds 1 \
    --out runs/goal
began=runs/goal/policies/fold-0/mac_intent/seed-0
mac-control practice --policy "$began" --out runs/goal-practised --operators expert:subtasks=4 --num-given 1 2 3 \
    --score goal_rewards --unwanted 0.5 --envs 40 --lr 2e-5 --epochs 3 --batch-size 1024 --bound 8 --anchor 0.02 \
    --spread 0.5 --correlation 0.9 --steps 1881600
mac-control evaluate --policies before="$began" after=runs/goal-practised --operators expert:subtasks=4 \
    --num-given 1,2,3 --episodes 50 --out runs/goal-rated
python results/private-goal/practised.py runs
