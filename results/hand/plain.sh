#!/usr/bin/env bash
# BC and MAC of the suite `hand`, three training seeds each, without observation noise.
set -euo pipefail
out=${1:-runs/hand-plain}
env=hand:task=door:end_on_success=true
driver=hand-expert+noisy:std=0.02
train=(mac-control train --env "$env" --data "$MAC_CONTROL_DATA/adroit/door_human.npz")
"${train[@]}" --policy mac --bf16 True --seeds 0,1,2 --steps 8000 --out "$out/mac"
"${train[@]}" --policy bc --bf16 True --seeds 0,1,2 --steps 30000 --out "$out/bc"
mac-control evaluate --env "$env" --policies "$out/mac" "$out/bc" \
  --operators nobody "$driver+group:arm" "$driver+group:arm:wrist" --given 28 \
  --episodes 50 --out "$out/rated"
