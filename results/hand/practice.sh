#!/usr/bin/env bash
# Practice on the hand: MAC of the suite plays with an operator who gives arm and wrist, and what
# raised the reward becomes more likely. Three training seeds, an hour of a core each.
# MAC_CONTROL_DATA names the folder with adroit/door_expert.npz.
set -euo pipefail
learnt=${1:-runs/hand}/policies/fold-0/mac
out=${2:-runs/hand-practice}
env=hand:task=door:end_on_success=true
driver=hand-expert+noisy:std=0.02

practise() { # CHECKPOINT FOLDER SEED BOUND STEPS
  mac-control practice --policy "$1" --out "$2" --seed "$3" --bound "$4" --steps "$5" \
    --env "$env:reward=sparse" --operators "$driver+group:arm:wrist" --num-given 28 \
    --envs 48 --lr 2e-5 --epochs 3 --batch-size 1024 --spread 0.5 --correlation 0.9 --anchor 0.02
}

practise "$learnt/seed-0" "$out/first" 0 2 814000 # stood still at its bound at the end
practise "$out/first" "$out/seed-0" 0 6 501000
practise "$learnt/seed-1" "$out/seed-1" 1 8 1105000
practise "$learnt/seed-2" "$out/seed-2" 2 8 1300000
mac-control evaluate --env "$env" --given 28 --episodes 50 --out "$out/rated" \
  --policies mac_practised="$out"/seed-0 mac_practised="$out"/seed-1 mac_practised="$out"/seed-2 \
  --operators nobody "$driver+group:arm" "$driver+group:arm:wrist"
mac-control evaluate --env "$env" --given 28 --episodes 50 --out "$out/rated-bad" \
  --policies mac_practised="$out"/seed-0 mac_practised="$out"/seed-1 mac_practised="$out"/seed-2 \
  mac="$learnt"/seed-0 mac="$learnt"/seed-1 mac="$learnt"/seed-2 \
  --operators hand-expert+laggy:p=0.7+group:arm:wrist hand-expert+noisy:std=0.2+group:arm:wrist
