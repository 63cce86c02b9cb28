"""Put the rows of `winners.sh` into winners.json and print them: `python winners.py RUNS`."""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from mac_control.figures import method_label
from mac_control.loop.metrics import paired_difference
from mac_control.loop.statistics import mean_and_interval
from mac_control.suites.gather import gather, rows_in

KEPT = ("policy", "operator", "num_given", "train_seed", "episodes", "rewards")

here = Path(__file__).parent
new = rows_in(Path(sys.argv[1]) / "winners/rated")
rows = gather(here / "winners.json", new, KEPT, ("policy",))
cells = defaultdict(lambda: defaultdict(list))
for row in rows:
    cells[row["policy"]][row["num_given"]].append(row)
for policy, own in cells.items():
    columns = [[row["rewards"] for row in own[given]] for given in sorted(own)]
    print(method_label(policy), *map(mean_and_interval, [*columns, np.mean(columns, 0)]), sep=" | ")
for ours in ("mac", "mac_defaults"):
    for policy in filter(ours.__ne__, cells):
        more = [paired_difference(cells[ours][k], own) for k, own in cells[policy].items()]
        less = mean_and_interval(np.mean(more, 0), "+")
        print(f"{method_label(ours)} - {method_label(policy)} | {less}")
