"""Put the curves of `trackers.sh` into trackers.jsonl and print them: `python trackers.py RUNS`."""

import csv
import json
import sys
from pathlib import Path

from mac_control.files import write_text

here = Path(__file__).parent
KEPT = ("reward", "alone", "helped", "divergence", "clipped")
curves = []
for run in ("narrow", "wide"):
    with open(Path(sys.argv[1]) / run / "log.csv", newline="") as file:
        for row in csv.DictReader(file):
            kept = {
                k: float(row[k]) for k in ("reward", "alone", "helped", "divergence", "clipped")
            }
            curves.append({"run": run, "step": int(row["step"]), **kept})
write_text(here / "trackers.jsonl", "\n".join(map(json.dumps, curves)) + "\n")
for run in ("narrow", "wide"):
    own = [row for row in curves if row["run"] == run]
    for part in (own[: len(own) // 3], own[-(len(own) // 3) :]):
        means = (sum(row[k] for row in part) / len(part) for k in ("helped", "alone", "clipped"))
        print(run, part[0]["step"], part[-1]["step"], *(f"{mean:.2f}" for mean in means))
