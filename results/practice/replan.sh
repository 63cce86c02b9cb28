#!/usr/bin/env bash
# Practice in the kitchen with operators that replan, and a teacher's labels for comparison: two hours of a core.
# Run it from the project's root. Practice was stopped by the clock, at these numbers of steps.
set -euo pipefail
out=${1:-runs/kitchen}
driver=expert:order=tasks+noisy:std=0.05
mac-control train --policy mac --data builtin --steps 12000 --bf16 True --seeds 0,1,2 --workers 1 --out "$out/mac"

steps=(1234328 635280 361851)
for seed in 0 1 2; do
  mac-control practice --policy "$out/mac/seed-$seed" --out "$out/practised/seed-$seed" --seed "$seed" \
    --operators "$driver" --num-given 0 1 3 5 7 --envs 40 --lr 2e-5 --epochs 3 --batch-size 1024 --bound 8 \
    --anchor 0.02 --spread 0.5 --correlation 0.9 --steps "${steps[seed]}"
done

taught=(--data builtin:1)
for k in 1 3 5 7; do
  mac-control collect --env kitchen --policy "$out/mac/seed-0" --operator "$driver+k:$k" \
    --teacher expert:order=tasks --min-reward 3 --episodes 60 --seed $((10 + k)) --out "$out/taught-$k"
  taught+=(--data "$out/taught-$k:0.25")
done
mac-control train --policy mac "${taught[@]}" --steps 12000 --bf16 True --seed 0 --out "$out/dagger/seed-0"

mac-control evaluate --policies "$out"/{mac,practised,dagger} --operators "$driver" --given 0,1,3,5,7 \
  --episodes 50 --out "$out/rated"
mac-control evaluate --policies "$out"/{mac,practised} --given 3,5 --episodes 50 --out "$out/rated-others" \
  --operators "$driver+"{laggy:p=0.7,intermittent:on=25:off=25}
python results/practice/gather.py "$out"
