"""Put the rows of `run.sh` into results.json and draw them: `python gather.py RUNS`."""

import json
import sys
from pathlib import Path

from mac_control.files import write_text
from mac_control.loop.report import draw_curves, summarize

here, rows, kept = Path(__file__).parent, [], ("policy", "operator", "num_given", "train_seed")
kept += ("env", "episodes", "reward_mean", "reward_ci95", "measured", "success_rate", "rewards")
for part in ("mac", "bc", "builtin"):
    found = Path(sys.argv[1]) / f"replan-{part}" / "results.json"
    for row in json.loads(found.read_text())["rows"]:
        label = "mac_longer" if part == "builtin" else row["policy"]
        rows.append({key: row[key] for key in kept} | {"policy": label})
write_text(here / "results.json", "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
draw_curves(summarize(rows)).savefig(here / "replan.png", dpi=100)
