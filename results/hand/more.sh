#!/usr/bin/env bash
# What else might help MAC on the door: four times the training, a transformer, chunks of four steps, retrieval,
# and the other rules for the masks that it is trained with. Three training seeds each, forty minutes of one core.
set -euo pipefail
out=${1:-runs/hand-more}
env=hand:task=door:end_on_success=true
driver=hand-expert+noisy:std=0.02
human=$MAC_CONTROL_DATA/adroit/door_human.npz
train=(mac-control train --policy mac --env "$env" --data "$human" --obs-noise 0.3 --bf16 True --seeds 0,1,2)
"${train[@]}" --steps 8000 --out "$out/mac"
"${train[@]}" --steps 32000 --out "$out/longer"
"${train[@]}" --steps 2000 --mac.network transformer --out "$out/transformer"
"${train[@]}" --steps 8000 --wrapper windowed --windowed.chunk-size 4 --out "$out/chunks"
for rule in operator marginal any-order; do
  "${train[@]}" --steps 8000 --mac.mask-distribution $rule --mac.num-given 0 3 4 6 10 22 --out "$out/$rule"
done
for seed in 0 1 2; do
  mac-control train --env "$env" --data "$human" --wrapper retrieval --wrapped "$out/mac/seed-$seed" \
    --policy mac --seed $seed --out "$out/recall/seed-$seed"
done
mac-control evaluate --env "$env" --policies "$out"/{mac,longer,transformer,chunks,recall,operator,marginal,any-order} \
  --operators nobody "$driver+group:arm" "$driver+group:arm:wrist" "$driver+k:3" --given 28 \
  --episodes 50 --out "$out/rated"
