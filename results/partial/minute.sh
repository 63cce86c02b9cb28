#!/usr/bin/env bash
# Partial control: each policy is trained for a minute on one core in each of five folds, on 200 robust episodes; then
# for four minutes; then two of them for four minutes on 400 episodes, in three folds. Run from the project's root, with
# MAC_CONTROL_DATA naming the folder of the human demonstrations; resumes if interrupted. Takes ten hours on one core.
set -euo pipefail
minute=(--suite partial --size.bf16 True --size.made 200)
tracking="held-out operators,held-out operators that resynchronise"
mac-control evaluate "${minute[@]}" --only bc,mixture_bc_conditioned,diffusion,mac,mac_sample --blocks "$tracking" \
    --out runs/partial-minute
mac-control evaluate "${minute[@]}" --only bc,mixture_bc_conditioned,diffusion,mac --blocks "operators who replan" \
    --size.episodes 100 --out runs/partial-minute
for part in ibc four; do  # these learn from the same simulated episodes
    mkdir -p "runs/partial-minute-$part"
    ln -sfn ../partial-minute/data "runs/partial-minute-$part/data"
done
mac-control evaluate "${minute[@]}" --only ibc --blocks "$tracking" --out runs/partial-minute-ibc
mac-control evaluate "${minute[@]}" --only bc,mixture_bc_conditioned,ibc,diffusion,mac --blocks "$tracking" \
    --size.stretch 4 --out runs/partial-minute-four
mac-control evaluate "${minute[@]}" --only mac_sample --blocks "$tracking" --size.stretch 4 --size.episodes 100 \
    --out runs/partial-minute-four
mac-control evaluate "${minute[@]}" --size.made 400 --only diffusion,mac --blocks "$tracking" \
    --size.stretch 4 --size.run-folds 3 --size.episodes 60 --out runs/partial-minute-400
# The same trained policies, with commands that are obeyed to within the operators' noise, or weighed.
mkdir -p runs/partial-soft
ln -sfn ../partial-minute/{data,policies} runs/partial-soft/
mac-control evaluate "${minute[@]}" --only mac,mac_recall --blocks "obeyed to within the noise,adaptive trust" \
    --size.episodes 50 --out runs/partial-soft
python results/partial/minute.py runs
python results/partial/soft.py runs
python results/partial/response.py runs
