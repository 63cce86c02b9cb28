#!/usr/bin/env bash
# Shaky, slow, busy and wrong operators, in five folds; policies and data are those of the suite partial. At commit
# b45c4e0: the suite trains each for a minute since, as in results/dial.
# From the project's root, MAC_CONTROL_DATA naming the folder of the human demonstrations; goes on where
# it was interrupted.
set -euo pipefail
mac-control evaluate --suite degraded --only mac --size.made 150 --size.scale demo --size.bf16 True \
    --size.episodes 250 --out runs/degraded
cp runs/degraded/{results.json,results.md} results/degraded/
# The operators alone; BC stands for nobody here, they give everything.
mac-control evaluate --suite degraded --only bc --blocks "operator alone" --size.made 150 \
    --size.scale demo --size.bf16 True --size.episodes 250 --out runs/degraded-alone
mkdir -p results/degraded/alone && cp runs/degraded-alone/results.json results/degraded/alone/
# MAC with a memory of plans, overruling.
mac-control evaluate --suite degraded --only mac_recall --blocks "overruled where unlikely" --size.made 150 \
    --size.scale demo --size.bf16 True --size.episodes 250 --out runs/degraded-recall
mkdir -p results/degraded/recall && cp runs/degraded-recall/results.{json,md} results/degraded/recall/
