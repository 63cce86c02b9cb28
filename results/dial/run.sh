#!/usr/bin/env bash
# Every method of sharing control, over the range of its own dial: five folds over the human demonstrations, a minute of
# training per policy and fold, 50 episodes a row. Run it from the project's root, with MAC_CONTROL_DATA naming the folder of
# the human demonstrations; resumes if interrupted. Four hours of one core.
set -euo pipefail
size=(--size.bf16 True --size.made 200 --size.episodes 50)
mac-control evaluate --suite dial "${size[@]}" --out runs/dial
# Adaptive trust with the same trained policies, with more operators and numbers of dimensions.
for suite in partial degraded; do
    mkdir -p "runs/adaptive-$suite"
    ln -sfn ../dial/{data,policies} "runs/adaptive-$suite/"
done
mac-control evaluate --suite partial "${size[@]}" --only mac --out runs/adaptive-partial \
    --blocks "adaptive trust,held-out operators,held-out operators that resynchronise"
mac-control evaluate --suite degraded "${size[@]}" --only mac --out runs/adaptive-degraded \
    --blocks "operator alone,adaptive trust"
python results/dial/gather.py runs
