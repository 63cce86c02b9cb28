"""Put the rows of `minute.sh` with soft commands into soft.json, print them: `python soft.py R`."""

import sys
from collections import defaultdict
from pathlib import Path

from mac_control.figures import method_label
from mac_control.loop.statistics import mean_and_interval
from mac_control.suites.gather import gather, rows_in

KEPT = ("block", "policy", "operator", "num_given", "fold", "train_seed", "episodes", "rewards")
here = Path(__file__).parent
new = rows_in(Path(sys.argv[1]) / "partial-soft")
rows = gather(here / "soft.json", new, (*KEPT, "metrics.obedience"))
cells = defaultdict(list)
for row in rows:
    cells[row["block"], row["policy"], row["operator"], row["num_given"]].append(row)
for (block, policy, operator, given), own in cells.items():
    rewards, folds = ([row[key] for row in own] for key in ("rewards", "fold"))
    obedience = sum(row["obedience"] for row in own) / len(own)
    reward = mean_and_interval(rewards, folds=folds)
    print(f"{block} | {method_label(policy)} | {operator} | {given} | {reward} | {obedience:.2f}")
