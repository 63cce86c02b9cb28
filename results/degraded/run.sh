#!/usr/bin/env bash
# Shaky, slow, busy and wrong operators, in five folds; policies and data are those of the suite partial. Run it at
# commit b45c4e0, its last part at 109ed96, with `--entrants` in place of `--only`: today the suite trains each policy
# for a minute, as in results/dial.
# From the project's root, with MAC_CONTROL_DATA naming the folder of the human demonstrations; resumes if
# interrupted.
set -euo pipefail
mac-control evaluate --suite degraded --only mac --size.made 150 --size.scale demo --size.bf16 True \
    --size.episodes 250 --out runs/degraded
cp runs/degraded/{results.json,results.md} results/degraded/
# The operators alone: they give everything, so BC does nothing.
mac-control evaluate --suite degraded --only bc --blocks "operator alone" --size.made 150 \
    --size.scale demo --size.bf16 True --size.episodes 250 --out runs/degraded-alone
mkdir -p results/degraded/alone && cp runs/degraded-alone/results.json results/degraded/alone/
# MAC with retrieval, overriding the operator: at commit 109ed96, as the suite has no mac_recall before 605bd0c.
mac-control evaluate --suite degraded --only mac_recall --blocks "overruled where unlikely" --size.made 150 \
    --size.scale demo --size.bf16 True --size.episodes 250 --out runs/degraded-recall
mkdir -p results/degraded/recall && cp runs/degraded-recall/results.{json,md} results/degraded/recall/
