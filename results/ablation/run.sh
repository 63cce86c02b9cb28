#!/usr/bin/env bash
# MAC's design choices under partial control by held-out operators, in five folds; training and data as in the
# suite partial. Run it from the project's root, with MAC_CONTROL_DATA naming the folder of the human
# demonstrations; resumes if interrupted. About two hours of one core. The figures here were made at commit 5313c3f, with
# the earlier, larger MAC (before 3c0fecb).
set -euo pipefail
mac-control evaluate --suite ablation --size.seeds 1 --size.made 150 --size.scale demo --blocks main \
    --size.bf16 True --size.episodes 50 --out runs/ablation
cp runs/ablation/{results.json,results.md} results/ablation/
