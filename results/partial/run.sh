#!/usr/bin/env bash
# Partial control by operators whose demonstrations are held out, in five folds: one training of each
# policy per fold. From the project's root, MAC_CONTROL_DATA naming the folder of the human demonstrations;
# goes on where it was interrupted.
set -euo pipefail
small=(--suite partial --size.seeds 1 --size.made 150 --size.scale demo)
# What the suite is about, 250 episodes per row; IBC, whose sampler takes long, 40.
mac-control evaluate "${small[@]}" --entrants bc,mixture_bc_conditioned,mac,diffusion --blocks main \
    --size.bf16 True --size.episodes 250 --out runs/partial-main
mac-control evaluate "${small[@]}" --entrants ibc --blocks main --size.bf16 True \
    --size.episodes 40 --out runs/partial-ibc
mac-control evaluate "${small[@]}" --entrants bc_recall,diffusion_recall,mac_recall --blocks "held-out operators" \
    --size.bf16 True --size.episodes 250 --out runs/partial-recall
# The robot has the last word where commands are unlikely: the memory, trained as above.
overruled=("${small[@]}" --entrants mac_recall --size.bf16 True --size.episodes 250)
mac-control evaluate "${overruled[@]}" --blocks overruled --out runs/partial-overruled
mac-control evaluate "${overruled[@]}" --blocks "overruled beyond 3 standard deviations" \
    --out runs/partial-overruled-late
mac-control evaluate "${overruled[@]}" --blocks "overruled beyond 1.5 standard deviations" \
    --out runs/partial-overruled-early
# The suite's own size: 400 robust episodes and the full training, of all policies but IBC.
mac-control evaluate --suite partial --entrants mac,bc,mixture_bc_conditioned,diffusion,mac_recall \
    --blocks "held-out operators,overruled,overruled beyond 3 standard deviations" \
    --size.seeds 1 --size.bf16 True --size.episodes 250 --out runs/partial-full
# A fifth of 250 episodes per row, as it is a side question; the policies are trained anew, alike.
mac-control evaluate "${small[@]}" --entrants diffusion,mac,mac_recall --size.bf16 True \
    --size.episodes 250 --blocks "held-out operators that resynchronise" --out runs/partial-resync
for part in main ibc recall overruled overruled-late overruled-early full resync; do
    mkdir -p "results/partial/$part"
    cp "runs/partial-$part"/{results.json,results.md} "results/partial/$part/"
done
# Side questions, eight episodes of each training: a fifth of the suite's 40 times 5.
mac-control evaluate "${small[@]}" --entrants bc,mac,diffusion --blocks side --size.episodes 200 \
    --out runs/partial
cp runs/partial/{results.json,results.md} results/partial/
python - <<'PYTHON'
import json

from mac_control.loop.report import draw_curves, summarize
from mac_control.suites.tables import by_block

rows = by_block(json.load(open("results/partial/full/results.json"))["rows"])["held-out operators"]
draw_curves(summarize(rows)).savefig("results/partial/held-out.png", dpi=120)
PYTHON
