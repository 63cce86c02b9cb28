#!/usr/bin/env bash
# Partial control by operators whose demonstrations are held out, in five folds: one training of each
# policy per fold, 40 episodes per row. From the project's root, MAC_CONTROL_DATA naming the folder of
# the human demonstrations; goes on where it was interrupted.
set -euo pipefail
mac-control evaluate --suite partial --entrants bc,mac,diffusion,ibc_dfo --size.seeds 1 --size.episodes 40 \
    --size.made 150 --size.scale demo --out runs/partial
cp runs/partial/{results.json,results.md} results/partial/
python - <<'PYTHON'
import json

from mac_control.loop.report import draw_curves, summarize
from mac_control.suites.tables import by_block

rows = by_block(json.load(open("results/partial/results.json"))["rows"])["held-out operators"]
kept = [row for row in rows if "resync" not in row["operator"]]
draw_curves(summarize(kept)).savefig("results/partial/held-out.png", dpi=120)
PYTHON
