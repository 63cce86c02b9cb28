"""Put the curves and rows of `trackers.sh` here, and print them: `python trackers.py RUNS`."""

import csv
import json
import sys
from pathlib import Path

import numpy as np

from mac_control.files import write_text
from mac_control.loop.statistics import mean_and_interval
from mac_control.suites.gather import rows_in

here = Path(__file__).parent
RUNS = ("narrow", "wide", "critic")
KEPT = ("reward", "alone", "helped", "divergence", "clipped")
curves = []
for run in RUNS:
    with open(Path(sys.argv[1]) / run / "log.csv", newline="") as file:
        for row in csv.DictReader(file):
            kept = {
                k: float(row[k]) for k in ("reward", "alone", "helped", "divergence", "clipped")
            }
            curves.append({"run": run, "step": int(row["step"]), **kept})
write_text(here / "trackers.jsonl", "\n".join(map(json.dumps, curves)) + "\n")
for run in RUNS:
    own = [row for row in curves if row["run"] == run]
    for part in (own[: len(own) // 3], own[-(len(own) // 3) :]):
        means = (sum(row[k] for row in part) / len(part) for k in ("helped", "alone", "clipped"))
        print(run, part[0]["step"], part[-1]["step"], *(f"{mean:.2f}" for mean in means))

SHOWN = ("policy", "operator", "num_given", "train_seed", "episodes", "rewards")
rows = [{key: row[key] for key in SHOWN} for row in rows_in(Path(sys.argv[1]) / "rated")]
write_text(here / "trackers-rows.jsonl", "\n".join(map(json.dumps, rows)) + "\n")
rewards = {(row["policy"], row["operator"], row["num_given"]): row["rewards"] for row in rows}
more = []
for operator, given in [place[1:] for place in rewards if place[0] == "before" and place[2]]:
    pair = (rewards[policy, operator, given] for policy in ("after", "before"))
    more.append(np.subtract(*pair))
    print(operator, given, mean_and_interval([more[-1]], "+"))
print("together", mean_and_interval([np.mean(more, axis=0)], "+"))
