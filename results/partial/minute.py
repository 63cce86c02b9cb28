"""Put the rows of `minute.sh` into minute.json, draw and print them: `python minute.py RUNS`."""

import sys
from collections import defaultdict
from pathlib import Path

from mac_control.figures import method_label
from mac_control.loop.metrics import paired_difference
from mac_control.loop.report import draw_curves, summarize
from mac_control.loop.statistics import mean_and_interval
from mac_control.suites.gather import gather, rows_in

KEPT = ("block", "policy", "operator", "num_given", "fold", "train_seed", "env", "episodes")
KEPT += ("reward_mean", "reward_ci95", "measured", "success_rate", "metrics", "rewards")

here = Path(__file__).parent
new = rows_in(Path(sys.argv[1]) / "partial-minute")
rows = gather(here / "minute.json", new, KEPT)
cells = defaultdict(lambda: defaultdict(list))
for row in rows:
    cells[row["block"], row["policy"]][row["num_given"]].append(row)


for (block, policy), own in cells.items():
    means = " | ".join(mean_and_interval([row["rewards"] for row in own[k]]) for k in sorted(own))
    print(f"{block} | {method_label(policy)} | {means}")
for (block, policy), own in cells.items():
    mac = cells[block, "mac"]
    if policy != "mac":
        less = [mean_and_interval(paired_difference(mac[k], own[k]), "+") for k in sorted(own)]
        print(f"{block} | MAC - {method_label(policy)} | {' | '.join(less)}")
stubborn = [row for row in rows if row["block"] == "held-out operators"]
draw_curves(summarize(stubborn)).savefig(here / "minute.png", dpi=100)
