#!/usr/bin/env bash
# Drive, keep what succeeded, train again: an operator gives arm and wrist, the policy the fingers.
# Two rounds from 25 people's demonstrations, three training seeds each of BC and MAC; half an
# hour of one core. MAC_CONTROL_DATA names the folder with adroit/door_human.npz and door_expert.npz.
set -euo pipefail
out=${1:-runs/drives}
env=hand:task=door:end_on_success=true
human=$MAC_CONTROL_DATA/adroit/door_human.npz
driver=hand-expert+noisy:std=0.02
mkdir -p "$out"

for seed in 0 1 2; do
  for policy in bc mac; do
    if [ "$policy" = bc ]; then steps=30000; else steps=8000; fi
    data=(--data "$human:1")
    noise=0.3 # stands in for where operators take the hand, until there are drives
    for round in 0 1 2; do
      learnt=$out/$policy-$round/seed-$seed
      [ "$round" = 0 ] && first=(--data "$human") || first=("${data[@]}")
      mac-control train --policy "$policy" --env "$env" "${first[@]}" --steps "$steps" \
        --obs-noise "$noise" --bf16 True --seed "$seed" --out "$learnt"
      [ "$round" = 2 ] && continue
      drives=$out/drives-$policy-$round-$seed
      mac-control collect --env "$env" --policy "$learnt" --operator "$driver+group:arm:wrist" \
        --episodes 100 --seed $((100 + 10 * seed + round)) --workers 1 --out "$drives"
      data+=(--data "$drives:1")
      noise=0.1
    done
  done
done
mac-control evaluate --env "$env" --policies "$out"/{bc,mac}-{0,1,2} \
  --operators nobody "$driver+group:arm:wrist" "$driver+k:3" --given 28 \
  --episodes 50 --out "$out/rated"
