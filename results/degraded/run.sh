#!/usr/bin/env bash
# Shaky, slow, busy and wrong operators, in five folds; policies and data are those of the suite partial.
# From the project's root, MAC_CONTROL_DATA naming the folder of the human demonstrations; goes on where
# it was interrupted.
set -euo pipefail
mac-control evaluate --suite degraded --entrants bc,mac --size.seeds 1 --size.episodes 40 \
    --size.made 150 --size.scale demo --out runs/degraded
cp runs/degraded/{results.json,results.md} results/degraded/
