#!/usr/bin/env bash
# What might help MAC on the ball with three random dimensions given: other observation noise, the mode instead of the
# mean, four times the training, practice with that operator. Half an hour of two cores. MAC_CONTROL_DATA names the
# folder with adroit/relocate_expert.npz.
set -euo pipefail
out=${1:-runs/relocate-means}
env=hand:task=relocate:hide_goal=true:end_on_success=true
driver=hand-expert+noisy:std=0.02+k:3
mac-control collect --env "$env" --operator hand-expert --episodes 150 --out "$out/data"
train=(mac-control train --policy mac --env "$env" --data "$out/data" --bf16 True --seeds 0,1,2 --workers 2)
"${train[@]}" --obs-noise 0.3 --steps 8000 --out "$out/base"
"${train[@]}" --obs-noise 0.3 --steps 8000 --mac.decoding mode --out "$out/mode"
"${train[@]}" --obs-noise 0.1 --steps 8000 --out "$out/little"
"${train[@]}" --obs-noise 0.0 --steps 8000 --out "$out/plain"
"${train[@]}" --obs-noise 0.3 --steps 32000 --out "$out/longer"
mac-control evaluate --env "$env" --policies "$out"/{base,mode,little,plain,longer} --operators "$driver" --given 30 \
  --episodes 50 --out "$out/rated"
mac-control practice --policy "$out/base/seed-0" --out "$out/practised/seed-0" --seed 0 --bound 8 --steps 437000 \
  --env "$env:reward=sparse" --operators "$driver" --num-given 30 --envs 48 --lr 2e-5 --epochs 3 --batch-size 1024 \
  --spread 0.5 --correlation 0.9 --anchor 0.02
