"""Put the rows of `reward.sh` into reward.json and print them: `python reward.py RUNS`."""

import json
import sys
from pathlib import Path

from mac_control.suites.gather import gather, rows_in

KEPT = ("variant", "steps", "seconds", "train_seed", "num_given", "operator")
KEPT += ("reward_mean", "reward_ci95", "rewards")
TIMES = (10, 40, 160, 640)

here = Path(__file__).parent
runs = [json.loads(line) for line in (here / "runs.jsonl").read_text().splitlines()]
steps = {(run["variant"], run["seconds"]): run["steps"] for run in runs if run["data"] == "kitchen"}
named = {variant.replace(" ", "-"): variant for variant, _ in steps}  # as in the policies' paths
new = []
for seconds in TIMES:
    for row in rows_in(Path(sys.argv[1]) / f"learning/rated-{seconds}"):
        own = {"variant": named[row["policy"]], "seconds": seconds}
        new.append({**row, **own, "steps": steps[own["variant"], seconds]})
cells = {}
for row in gather(here / "reward.json", new, KEPT, ("variant", "seconds")):
    place = row["variant"], row["seconds"], row["num_given"]
    if row["seconds"] in TIMES and row["train_seed"] == 0:
        low, high = row["reward_ci95"]
        cells[place] = f"{row['reward_mean']:.2f} [{low:.2f}, {high:.2f}]"
for variant in dict.fromkeys(variant for variant, *_ in cells):
    print(variant, *(cells.get((variant, s, k), "") for k in (0, 3) for s in TIMES), sep=" | ")
