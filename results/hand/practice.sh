#!/usr/bin/env bash
# Practice on the hand: policies of the suite practise with an operator that gives arm and wrist, and actions
# that raised the reward become more likely. Five training seeds of MAC, about an hour of a core each, and
# three of the mixture density. MAC_CONTROL_DATA names the folder with adroit/door_expert.npz.
set -euo pipefail
learnt=${1:-runs/hand}/policies/fold-0
out=${2:-runs/hand-practice}
env=hand:task=door:end_on_success=true
driver=hand-expert+noisy:std=0.02

practise() { # CHECKPOINT FOLDER SEED BOUND STEPS
  mac-control practice --policy "$1" --out "$2" --seed "$3" --bound "$4" --steps "$5" \
    --env "$env:reward=sparse" --operators "$driver+group:arm:wrist" --num-given 28 \
    --envs 48 --lr 2e-5 --epochs 3 --batch-size 1024 --spread 0.5 --correlation 0.9 --anchor 0.02
}

practise "$learnt/mac/seed-0" "$out/first" 0 2 814000 # stuck at its bound at the end
practise "$out/first" "$out/seed-0" 0 6 501000
practise "$learnt/mac/seed-1" "$out/seed-1" 1 8 1105000
practise "$learnt/mac/seed-2" "$out/seed-2" 2 8 1900000
practise "$learnt/mac/seed-3" "$out/seed-3" 3 8 2300000
practise "$learnt/mac/seed-4" "$out/seed-4" 4 8 1900000
practise "$learnt/mixture_bc_conditioned/seed-0" "$out/conditioned-0" 0 8 1300000
practise "$learnt/mixture_bc_conditioned/seed-1" "$out/conditioned-1" 1 8 390000 # no door opened
mac-control train --policy mixture_bc --env "$env" --data "$MAC_CONTROL_DATA/adroit/door_human.npz" \
  --obs-noise 0.3 --bf16 True --seed 1 --steps 18000 --out "$out/overlaid-1"
practise "$out/overlaid-1" "$out/mixture-1" 1 8 1300000

rated=(mac_practised="$out"/seed-{0,1,2,3,4}
  mixture_bc_practised="$out"/mixture-1 mixture_bc_conditioned_practised="$out"/conditioned-0)
mac-control evaluate --env "$env" --given 28 --episodes 50 --out "$out/rated" --policies "${rated[@]}" \
  --operators nobody "$driver+group:"{arm,arm:wrist,fingers} "$driver+k:3"
mac-control evaluate --env "$env" --given 28 --episodes 50 --out "$out/rated-bad" --policies "${rated[@]}" \
  --data "$MAC_CONTROL_DATA/adroit/door_human.npz" \
  --operators hand-expert+{laggy:p=0.7,noisy:std=0.2,wrong:every=75:length=25}+group:arm:wrist
