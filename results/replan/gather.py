"""Put the rows of `run.sh` into results.json and draw them: `python gather.py RUNS`.

Rows of a block and a policy that RUNS lacks stay as they are.
"""

import json
import sys
from pathlib import Path

from mac_control.files import write_text
from mac_control.loop.report import draw_curves, summarize

here = Path(__file__).parent
kept = ("block", "policy", "operator", "num_given", "train_seed", "env", "episodes")
kept += ("reward_mean", "reward_ci95", "measured", "success_rate", "metrics", "rewards")
new = [
    {key: row[key] for key in kept}
    for file in sorted(Path(sys.argv[1]).glob("replan*/results.json"))
    for row in json.loads(file.read_text())["rows"]
]
there = {(row["block"], row["policy"]) for row in new}
earlier = json.loads((here / "results.json").read_text())
rows = [row for row in earlier if (row["block"], row["policy"]) not in there] + new
write_text(here / "results.json", "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
for block in dict.fromkeys(row["block"] for row in rows):
    for row in summarize([row for row in rows if row["block"] == block]):
        low, high = row["reward_ci95"]
        figure = f"{row['reward_mean']:.2f} [{low:.2f}, {high:.2f}]"
        print(block, row["policy"], row["operator"], row["num_given"], figure, sep=" | ")
main = [row for row in rows if row["block"] == "operators who replan"]
draw_curves(summarize(main)).savefig(here / "replan.png", dpi=100)
