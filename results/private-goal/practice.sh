#!/usr/bin/env bash
# Practice by the operator's own goal, of five trainings of MAC that infers intents: two and a half hours of a core. From
# the project's root; goes on where it was interrupted. The first practice was stopped by the clock, at this number of steps.
set -euo pipefail
mac-control evaluate --suite private-goal --only mac_intent --blocks "with a private goal" --size.bf16 True --size.seeds 5 \
    --out runs/goal
began=runs/goal/policies/fold-0/mac_intent
steps=(1881600 504000 504000 358400 358400)
for seed in 0 1 2 3 4; do
    mac-control practice --policy "$began/seed-$seed" --out "runs/goal-practised/seed-$seed" --steps "${steps[seed]}" \
        --operators expert:subtasks=4 --num-given 1 2 3 --score goal_rewards --unwanted 0.5 --envs 40 --lr 2e-5 --epochs 3 \
        --batch-size 1024 --bound 8 --anchor 0.02 --spread 0.5 --correlation 0.9
done
mac-control evaluate --policies before="$began" after=runs/goal-practised --operators expert:subtasks=4 --num-given 1,2,3 \
    --episodes 50 --out runs/goal-rated
python results/private-goal/practised.py runs
