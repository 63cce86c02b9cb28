"""Put the rows and curves of `practice.sh` here, and print them: `python practised.py RUNS`."""

import csv
import json
import sys
from pathlib import Path

import numpy as np

from mac_control.files import write_text
from mac_control.loop.statistics import mean_and_interval
from mac_control.suites.gather import gather, rows_in

KEPT = ("policy", "operator", "num_given", "train_seed", "episodes", "goal_rewards")

here, runs = Path(__file__).parent, Path(sys.argv[1])
place = ("policy", "train_seed")
rows = gather(
    here / "practised.json", rows_in(runs / "goal-rated"), (*KEPT, "metrics.unwanted"), place
)
curves = []
for log in sorted(runs.glob("goal-practised/seed-*/log.csv")):
    with open(log, newline="") as file:
        updates = list(csv.DictReader(file))
    seed = int(log.parent.name.removeprefix("seed-"))
    curves += [
        {"train_seed": seed} | {key: float(row[key]) for key in ("step", "reward", "divergence")}
        for row in updates
    ]
    third = max(1, len(updates) // 3)
    for part in (updates[:third], updates[-third:]):
        print(seed, part[-1]["step"], f"{np.mean([float(row['reward']) for row in part]):.2f}")
if curves:
    lines = map(json.dumps, curves)
    write_text(here / "practised-curve.jsonl", "\n".join(lines) + "\n")

goals = {(row["policy"], row["num_given"], row["train_seed"]): row for row in rows}
seeds = sorted({row["train_seed"] for row in rows})
every = []
for given in sorted({row["num_given"] for row in rows}):
    before, after = (
        [goals[policy, given, seed]["goal_rewards"] for seed in seeds]
        for policy in ("before", "after")
    )
    every.append(np.subtract(after, before))
    unwanted = (
        np.mean([goals[policy, given, seed]["unwanted"] for seed in seeds])
        for policy in ("before", "after")
    )
    print(given, mean_and_interval(before), mean_and_interval(after), sep=" | ", end=" | ")
    print(mean_and_interval(every[-1], "+"), *(f"{mean:.2f}" for mean in unwanted), sep=" | ")
together = np.mean(every, axis=0)
print("together |", mean_and_interval(together, "+"), [f"{own.mean():+.2f}" for own in together])
