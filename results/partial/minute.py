"""Put the rows of `minute.sh` into minute.json, draw and print them: `python minute.py RUNS`."""

import sys
from collections import defaultdict
from pathlib import Path

from mac_control.figures import method_label
from mac_control.loop.metrics import paired_difference
from mac_control.loop.report import draw_curves, summarize
from mac_control.loop.statistics import mean_and_interval
from mac_control.suites.gather import gather, rows_in

KEPT = ("trained", "block", "policy", "operator", "num_given", "fold", "train_seed", "env")
KEPT += ("episodes", "reward_mean", "reward_ci95", "measured", "success_rate", "metrics", "rewards")
#: Folder in RUNS -> how long its policies were trained.
PARTS = {
    "partial-minute": "a minute",
    "partial-minute-ibc": "a minute",
    "partial-minute-four": "four minutes",
    "partial-minute-400": "four minutes, 400 episodes",
}

here = Path(__file__).parent
new = [
    row
    for name, trained in PARTS.items()
    for row in rows_in(Path(sys.argv[1]) / name, trained=trained)
]
rows = gather(here / "minute.json", new, KEPT, ("trained", "block", "policy"))
cells = defaultdict(lambda: defaultdict(list))
for row in rows:
    cells[row["trained"], row["block"], row["policy"]][row["num_given"]].append(row)


for (trained, block, policy), own in cells.items():
    means = " | ".join(
        mean_and_interval([row["rewards"] for row in own[k]], folds=[row["fold"] for row in own[k]])
        for k in sorted(own)
    )
    print(f"{trained} | {block} | {method_label(policy)} | {means}")
for (trained, block, policy), own in cells.items():
    mac = cells[trained, block, "mac"]
    same = mac[0][0]["episodes"] == own[0][0]["episodes"]  # in a fold: else they are other ones
    if policy != "mac" and same:
        folds = {row["fold"] for row in own[0]}
        less = []
        for k in sorted(own):
            ours = [row for row in mac[k] if row["fold"] in folds]
            difference = paired_difference(ours, own[k])
            less.append(mean_and_interval(difference, "+", [row["fold"] for row in ours]))
        print(f"{trained} | {block} | MAC - {method_label(policy)} | {' | '.join(less)}")
stubborn = [
    row for row in rows if row["trained"] == "a minute" and row["block"] == "held-out operators"
]
draw_curves(summarize(stubborn)).savefig(here / "minute.png", dpi=100)
