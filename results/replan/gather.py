"""Put the rows of `run.sh` into results.json and draw them: `python gather.py RUNS`.

Rows of a block and a policy that RUNS lacks stay as they are.
"""

import sys
from pathlib import Path

from mac_control.loop.report import draw_curves, reward_text, summarize
from mac_control.suites.gather import gather, rows_in

KEPT = ("block", "policy", "operator", "num_given", "train_seed", "env", "episodes", "reward_mean")
KEPT += ("reward_ci95", "measured", "success_rate", "metrics", "rewards")

here = Path(__file__).parent
new = [row for folder in sorted(Path(sys.argv[1]).glob("replan*")) for row in rows_in(folder)]
rows = gather(here / "results.json", new, KEPT)
for block in dict.fromkeys(row["block"] for row in rows):
    for row in summarize([row for row in rows if row["block"] == block]):
        print(block, row["policy"], row["operator"], row["num_given"], reward_text(row), sep=" | ")
main = [row for row in rows if row["block"] == "operators who replan"]
draw_curves(summarize(main)).savefig(here / "replan.png", dpi=100)
