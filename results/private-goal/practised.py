"""Put the rows and the curve of `practice.sh` here, and print them: `python practised.py RUNS`."""

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
new = rows_in(runs / "goal-rated")
rows = gather(here / "practised.json", new, (*KEPT, "metrics.unwanted"), ("policy",))
if (log := runs / "goal-practised" / "log.csv").exists():
    with open(log, newline="") as file:
        updates = list(csv.DictReader(file))
    kept = [{k: float(row[k]) for k in ("step", "reward", "divergence")} for row in updates]
    write_text(here / "practised-curve.jsonl", "\n".join(map(json.dumps, kept)) + "\n")

goals = {(row["policy"], row["num_given"]): row["goal_rewards"] for row in rows}
every = []
for _, given in filter(lambda place: place[0] == "before", goals):
    before, after = goals["before", given], goals["after", given]
    more = [b - a for a, b in zip(before, after, strict=True)]
    every.append(more)
    print(given, mean_and_interval([before]), mean_and_interval([after]), sep=" | ", end=" | ")
    print(mean_and_interval([more], "+"))
print("together |", mean_and_interval([np.mean(every, axis=0)], "+"))
