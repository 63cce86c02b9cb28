"""Put rows and curves of `replan.sh` into replan.jsonl, and draw them: `python gather.py RUNS`."""

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

from mac_control.figures import legend_below, new_figure
from mac_control.files import write_text
from mac_control.loop.statistics import bootstrap_interval

here, runs = Path(__file__).parent, Path(sys.argv[1])
#: Updates whose means are one point of the curve.
TOGETHER = 14
KEPT = ("policy", "operator", "num_given", "train_seed", "episodes", "rewards")
NAMES = {"mac": "MAC", "practised": "MAC after practice", "dagger": "MAC, labels of a teacher"}

rows = [
    {key: row[key] for key in KEPT}
    for folder in ("rated", "rated-others")
    if (file := runs / folder / "results.json").exists()
    for row in json.loads(file.read_text())["rows"]
]
curves = []
for log in sorted((runs / "practised").glob("seed-*/log.csv")):
    with open(log) as file:
        updates = list(csv.DictReader(file))
    for at in range(0, len(updates) - TOGETHER + 1, TOGETHER):
        part = updates[at : at + TOGETHER]
        means = {
            key: round(sum(float(row[key]) for row in part) / TOGETHER, 3)
            for key in ("alone", "helped", "divergence")
        }
        curves.append(
            {"train_seed": int(log.parent.name[5:]), "step": int(part[-1]["step"])} | means
        )
write_text(here / "replan.jsonl", "\n".join(map(json.dumps, [*rows, *curves])) + "\n")

samples = defaultdict(list)
for row in rows:
    samples[row["policy"], row["operator"], row["num_given"]].append(row["rewards"])
rates = {
    key: (sum(map(sum, each)) / sum(map(len, each)), *bootstrap_interval(each))
    for key, each in samples.items()
}
for key, (mean, low, high) in sorted(rates.items()):
    print(*key, f"{mean:.2f} [{low:.2f}, {high:.2f}]")

figure = new_figure(3.0)
left, right = figure.subplots(1, 2)
for policy, name in NAMES.items():
    own = {key[2]: rate for key, rate in rates.items() if key[0] == policy and "+l" not in key[1]
           and "+i" not in key[1]}  # fmt: skip
    if own:
        at = sorted(own)
        mean, low, high = zip(*(own[k] for k in at), strict=True)
        left.fill_between(at, low, high, alpha=0.15, linewidth=0)
        left.plot(at, mean, "o-", label=name)
left.axhline(3.85, color="gray", linewidth=0.8, linestyle=":")
left.set(xlabel="dimensions given by an operator who replans", ylabel="subtasks done of 4")
for seed in sorted({point["train_seed"] for point in curves}):
    own = [point for point in curves if point["train_seed"] == seed]
    right.plot([p["step"] / 1e6 for p in own], [p["helped"] for p in own], label=f"training {seed}")
right.set(xlabel="control steps of practice [million]", ylabel="reward while exploring, helped")
legend_below(figure, left, 3)
right.legend(fontsize=7)
figure.savefig(here / "replan.png", dpi=110)
