#!/usr/bin/env bash
# The study of learning in the kitchen, its policies kept, and their reward after 10, 40, 160 and 640 s of training: alone
# and with three dimensions given, 50 episodes each. From the project's root; resumes if interrupted. Eleven hours of
# one core.
set -euo pipefail
mkdir -p runs/learning
cp -n results/learning/times.jsonl runs/learning/  # as many steps for the same seconds as in the tables
study() {  # SECONDS VARIANT...
    local only; only=$(IFS=,; echo "${*:2}")
    python -m benchmarks learning --out runs/learning --keep runs/learning/policies --seconds "$1" --only "$only"
}
variants=("masks 2 layers 1 width 128 obs 256 schedule-free" "mixture density lr 4e-3" "transformer path"
    "mac as it was" "masks 2" "masks 2 schedule-free" "masks 4" "masks 1" "masks 2 batch 64" "masks 2 batch 256"
    "masks 2 lr 5e-4" "masks 2 lr 2e-3" "masks 2 lr 4e-3" "masks 2 width 128 obs 256" "masks 2 width 512"
    "masks 2 layers 1" "masks 2 layers 3" "masks 2 layers 1 width 128 obs 256 lr 3e-3")
for seconds in 10 40 160 640; do study $seconds "${variants[@]}"; done
for seconds in 10 40 160 640; do
    policies=()
    for folder in runs/learning/policies/kitchen-*-"$seconds"; do
        name=${folder##*/kitchen-}
        policies+=("${name%-*}=$folder/seed-0")
    done
    mac-control evaluate --policies "${policies[@]}" --operators expert:order=tasks+noisy:std=0.05 --num-given 0,3 \
        --episodes 50 --out "runs/learning/rated-$seconds"
done
python results/learning/reward.py runs
