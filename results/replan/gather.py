"""Put the rows of `run.sh` into results.json and draw them: `python gather.py RUNS`."""

import json
import sys
from pathlib import Path

from mac_control.files import write_text
from mac_control.loop.report import draw_curves, summarize

here = Path(__file__).parent
kept = ("block", "policy", "operator", "num_given", "train_seed", "env", "episodes")
kept += ("reward_mean", "reward_ci95", "measured", "success_rate", "metrics", "rewards")
found = json.loads((Path(sys.argv[1]) / "replan" / "results.json").read_text())["rows"]
rows = [{key: row[key] for key in kept} for row in found]
write_text(here / "results.json", "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
main = [row for row in rows if row["block"] == "operators who replan"]
draw_curves(summarize(main)).savefig(here / "replan.png", dpi=100)
