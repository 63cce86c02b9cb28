#!/usr/bin/env bash
# How many demonstrations does help need? A thousand of the scripted expert, of which policies learn from the
# first 10, 30, 100, 300 or all: two trainings of a minute each, 30 episodes a row. Run it from the project's root;
# resumes if interrupted. Ninety minutes of one core.
set -euo pipefail
mac-control collect --episodes 1000 --seed 7 --out runs/thousand
for n in 10 30 100 300 1000; do
    first=(--suite replan --data runs/thousand --size.demonstrations $n --size.bf16 True --size.seeds 2 --size.num-given 4)
    mac-control evaluate "${first[@]}" --size.episodes 30 --only bc,mixture_bc_conditioned,diffusion,mac \
        --blocks "operators who replan" --out runs/count-$n
    # A fifth of these episodes: also 30.
    mac-control evaluate "${first[@]}" --size.episodes 150 --only mac_recall --blocks "with a memory" --out runs/count-$n
done
# Human demonstrations, three of five folds: the first 5 or 10 of each, or all 15; the operators follow held-out ones.
human=(--suite partial --size.made 200 --size.bf16 True --size.run-folds 3 --size.num-given 4 --size.episodes 60)
for n in 5 10 15; do
    mac-control evaluate "${human[@]}" --size.demonstrations $n --only bc,mixture_bc_conditioned,diffusion,mac,mac_recall \
        --blocks "held-out operators" --out runs/human-$n
done
python results/demonstrations/gather.py runs
