"""Put the curves and rows of `trackers.sh` here, and print them: `python trackers.py RUNS`.

Those that RUNS lacks stay as they are.
"""

import sys
from pathlib import Path

import numpy as np

from mac_control.loop.metrics import paired_difference
from mac_control.loop.statistics import mean_and_interval
from mac_control.suites.gather import curve_in, gather, rows_in

CURVES = ("run", "step", "reward", "alone", "helped", "divergence", "clipped")
ROWS = ("policy", "operator", "num_given", "train_seed", "episodes", "rewards")

here, runs = Path(__file__).parent, Path(sys.argv[1])
new = [
    row
    for log in sorted(runs.glob("*/log.csv"))
    for row in curve_in(log.parent, CURVES[1:], run=log.parent.name)
]
curves = gather(here / "trackers-curves.json", new, CURVES, ("run",))
for run in dict.fromkeys(row["run"] for row in curves):
    own = [row for row in curves if row["run"] == run]
    for part in (own[: len(own) // 3], own[-(len(own) // 3) :]):
        seen = ([row[k] for row in part] for k in ("helped", "alone", "clipped"))
        means = (np.mean([x for x in each if x is not None]) for each in seen)
        steps = (f"{part[at]['step']:.0f}" for at in (0, -1))
        print(run, *steps, *(f"{mean:.2f}" for mean in means))

rows = gather(here / "trackers.json", rows_in(runs / "rated"), ROWS, ("policy",))
cells = {(row["policy"], row["operator"], row["num_given"]): row for row in rows}
for before, after in (("before", "after"), ("retrieval-before", "retrieval-after")):
    more = []
    for operator, given in [case[1:] for case in cells if case[0] == before and case[2]]:
        pair = ([cells[policy, operator, given]] for policy in (after, before))
        more.append(paired_difference(*pair))
        rewards = (
            mean_and_interval([cells[one, operator, given]["rewards"]]) for one in (before, after)
        )
        print(after, operator, given, *rewards, mean_and_interval(more[-1], "+"), sep=" | ")
    print(after, "together", mean_and_interval(np.mean(more, axis=0), "+"), sep=" | ")
