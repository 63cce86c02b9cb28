#!/usr/bin/env bash
# Partial control by operators whose demonstrations are held out, in five folds: each policy is trained once per fold.
# Run from the project's root, with MAC_CONTROL_DATA naming the folder of the human demonstrations; resumes if
# interrupted. At commit 2271941, with `--entrants` in place of `--only`; since then the suite trains each policy for a
# minute, as in results/dial.
set -euo pipefail
# The suite's own size at that commit: 400 robust episodes and the full training, 250 episodes per row.
full=(--suite partial --size.seeds 1 --size.bf16 True --size.episodes 250)
mac-control evaluate "${full[@]}" --only mac,bc,mixture_bc_conditioned,diffusion,mac_recall \
    --blocks "held-out operators,overruled,overruled beyond 3 standard deviations" --out runs/partial-full
# IBC_DEVICE=cuda trains on a GPU.
both="held-out operators,held-out operators that resynchronise"
mac-control evaluate "${full[@]}" --only ibc --blocks "$both" --size.device "${IBC_DEVICE:-cpu}" \
    --out runs/partial-full-ibc
mac-control evaluate "${full[@]}" --only bc,diffusion,mac,mac_recall \
    --blocks "held-out operators that resynchronise" --out runs/partial-full-resync
# More of the same trainings.
for part in resync-overruled resync-memories seen side; do
    mkdir -p "runs/partial-full-$part"
    ln -sfn ../partial-full-resync/{data,policies} "runs/partial-full-$part/"
done
mac-control evaluate "${full[@]}" --only mac_recall --out runs/partial-full-resync-overruled \
    --blocks "resynchronising operators overruled,resynchronising operators overruled beyond 3"
mac-control evaluate "${full[@]}" --only bc_recall,diffusion_recall \
    --blocks "held-out operators that resynchronise" --out runs/partial-full-resync-memories
mac-control evaluate "${full[@]}" --only bc,mac,mac_recall --blocks "operator alone,seen operators" \
    --out runs/partial-full-seen
# Side questions: a fifth of the episodes.
mac-control evaluate "${full[@]}" --only bc,diffusion,mac,mac_recall --blocks side \
    --out runs/partial-full-side

# Trained for a minute, on 150 robust episodes.
small=("${full[@]}" --size.made 150 --size.scale demo)
mac-control evaluate "${small[@]}" --only bc,mixture_bc_conditioned,mac,diffusion \
    --blocks "held-out operators,overruled" --out runs/partial-main
mac-control evaluate "${small[@]}" --only bc_recall,diffusion_recall,mac_recall \
    --blocks "held-out operators" --out runs/partial-recall
for part in overruled "overruled-late overruled beyond 3 standard deviations" \
    "overruled-early overruled beyond 1.5 standard deviations"; do
    mac-control evaluate "${small[@]}" --only mac_recall --blocks "${part#overruled-* }" \
        --out "runs/partial-${part%% *}"
done

for part in full full-ibc full-resync full-resync-overruled full-resync-memories full-seen full-side \
    main recall overruled overruled-late overruled-early; do
    mkdir -p "results/partial/$part"
    cp "runs/partial-$part"/{results.json,results.md} "results/partial/$part/"
done
python - <<'PYTHON'
import json

from mac_control.loop.report import draw_curves, summarize
from mac_control.suites.tables import by_block

parts = ("full", "full-ibc", "full-resync", "full-resync-memories")
rows = [row for part in parts for row in json.load(open(f"results/partial/{part}/results.json"))["rows"]]
blocks = by_block(rows)
for title, name in (("held-out operators", "held-out"), ("held-out operators that resynchronise", "resync")):
    draw_curves(summarize(blocks[title])).savefig(f"results/partial/{name}.png", dpi=120)
PYTHON
