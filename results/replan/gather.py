"""Put the rows of `run.sh` into results.json and draw them: `python gather.py RUNS`."""

import json
import sys
from pathlib import Path

from mac_control.files import write_text
from mac_control.loop.report import draw_curves, summarize

here, rows = Path(__file__).parent, []
kept = ("data", "block", "policy", "operator", "num_given", "train_seed", "env", "episodes")
kept += ("reward_mean", "reward_ci95", "measured", "success_rate", "metrics", "rewards")
for folder, data in (("replan", "builtin"), ("replan-1000", "1,000 collected")):
    found = Path(sys.argv[1]) / folder / "results.json"
    if found.exists():
        for row in json.loads(found.read_text())["rows"]:
            row = row | {"data": data}
            rows.append({key: row[key] for key in kept})
write_text(here / "results.json", "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
main = [r for r in rows if r["data"] == "builtin" and r["block"] == "operators who replan"]
draw_curves(summarize(main)).savefig(here / "replan.png", dpi=100)
