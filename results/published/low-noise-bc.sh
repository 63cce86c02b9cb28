#!/usr/bin/env bash
# BC tuned for demonstrations with little observation noise: two trainings of each variant, 20 episodes.
# Run it after minute.sh, from the project's root; resumes if interrupted.
set -euo pipefail
bc=(mac-control train --policy bc --data runs/low-noise --steps 32000 --bf16 True --seeds 0,1)
"${bc[@]}" --obs-noise 0.1 --out runs/low-bc/noise-0.1
"${bc[@]}" --obs-noise 0.3 --out runs/low-bc/noise-0.3
"${bc[@]}" --weight-decay 0.1 --out runs/low-bc/decay-0.1
"${bc[@]}" --validation 0.2 --select-by validation --out runs/low-bc/stopped
"${bc[@]}" --wrapper windowed --windowed.chunk-size 4 --windowed.temporal-ensemble-coeff 0.1 --out runs/low-bc/chunks
policies=()
for variant in noise-0.1 noise-0.3 decay-0.1 stopped chunks; do
    policies+=("bc $variant=runs/low-bc/$variant")
done
mac-control evaluate --policies "${policies[@]}" --num-given 0 --out runs/low-bc/rated
python results/published/gather.py runs
