"""Put the rows of `winners.sh` into winners.json and print them: `python winners.py RUNS`."""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from mac_control.figures import method_label
from mac_control.loop.statistics import mean_and_interval
from mac_control.suites.gather import gather, rows_in

KEPT = ("policy", "operator", "num_given", "train_seed", "episodes", "rewards")

here = Path(__file__).parent
new = rows_in(Path(sys.argv[1]) / "winners/rated")
rows = gather(here / "winners.json", new, KEPT, ("policy",))
cells = defaultdict(dict)
for row in rows:
    cells[row["policy"]].setdefault(row["num_given"], []).append(row["rewards"])
means = {}
for policy, own in cells.items():
    means[policy] = np.mean([own[given] for given in sorted(own)], axis=0)
    columns = [*(own[given] for given in sorted(own)), means[policy]]
    print(method_label(policy), *map(mean_and_interval, columns), sep=" | ")
for ours in ("mac", "mac_defaults"):
    for policy in filter(ours.__ne__, means):
        less = mean_and_interval(means[ours] - means[policy], "+")
        print(f"{method_label(ours)} - {method_label(policy)} | {less}")
