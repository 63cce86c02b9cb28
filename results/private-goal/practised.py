"""Put the rows and curves of `practice.sh` here, and print them: `python practised.py RUNS`."""

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from mac_control.loop.metrics import paired_difference
from mac_control.loop.statistics import mean_and_interval
from mac_control.suites.gather import curve_in, gather, rows_in

KEPT = ("policy", "operator", "num_given", "train_seed", "episodes", "goal_rewards")
CURVES = ("train_seed", "step", "reward", "divergence")

here, runs = Path(__file__).parent, Path(sys.argv[1])
new = [
    row
    for folder in sorted(runs.glob("goal-practised/seed-*"))
    for row in curve_in(folder, CURVES[1:], train_seed=int(folder.name.removeprefix("seed-")))
]
curves = gather(here / "practised-curve.json", new, CURVES, ("train_seed",))
for seed in dict.fromkeys(row["train_seed"] for row in curves):
    own = [row for row in curves if row["train_seed"] == seed]
    third = max(1, len(own) // 3)
    for part in (own[:third], own[-third:]):
        print(seed, f"{part[-1]['step']:.0f}", f"{np.mean([row['reward'] for row in part]):.2f}")

kept = (*KEPT, "metrics.unwanted")
rows = gather(here / "practised.json", rows_in(runs / "goal-rated"), kept, ("policy", "train_seed"))
cells = defaultdict(list)
for row in rows:
    cells[row["policy"], row["num_given"]].append(row | {"rewards": row["goal_rewards"]})
every = []
for given in sorted({row["num_given"] for row in rows}):
    before, after = cells["before", given], cells["after", given]
    every.append(paired_difference(after, before))
    parts = [mean_and_interval([row["rewards"] for row in own]) for own in (before, after)]
    parts.append(mean_and_interval(every[-1], "+"))
    unwanted = (np.mean([row["unwanted"] for row in own]) for own in (before, after))
    print(given, *parts, *(f"{mean:.2f}" for mean in unwanted), sep=" | ")
together = np.mean(every, axis=0)
print("together |", mean_and_interval(together, "+"), [f"{own.mean():+.2f}" for own in together])
