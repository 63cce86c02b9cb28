"""Put rows and curves of `replan.sh` into replan.jsonl, and draw them: `python gather.py RUNS`.

Where RUNS has none, those of replan.jsonl are drawn again.
"""

import json
import sys
from pathlib import Path
from statistics import fmean

from mac_control.figures import legend_below, new_figure
from mac_control.files import write_text
from mac_control.loop.report import curves as curves_of
from mac_control.loop.report import reward_text, summarize
from mac_control.suites.gather import curve_in

here, runs = Path(__file__).parent, Path(sys.argv[1])
#: Updates whose means are one point of the curve.
TOGETHER = 14
SEEN = ("alone", "helped", "divergence")
KEPT = ("policy", "operator", "num_given", "train_seed", "episodes", "rewards")
DRIVER = "expert:order=tasks+noisy:std=0.05"
NAMES = {"mac": "MAC", "practised": "MAC after practice", "dagger": "MAC, labels of a teacher"}

raw = [
    row
    for folder in ("rated", "rated-others")
    if (file := runs / folder / "results.json").exists()
    for row in json.loads(file.read_text())["rows"]
]
rows = [{key: row[key] for key in KEPT} for row in raw]
curves = []
for log in sorted((runs / "practised").glob("seed-*/log.csv")):
    updates = curve_in(log.parent, ("step", *SEEN))
    for at in range(0, len(updates) - TOGETHER + 1, TOGETHER):
        part = updates[at : at + TOGETHER]
        known = {key: [row[key] for row in part if row[key] is not None] for key in SEEN}
        means = {key: round(fmean(each), 3) if each else None for key, each in known.items()}
        curves.append(
            {"train_seed": int(log.parent.name[5:]), "step": int(part[-1]["step"])} | means
        )
if rows and curves:
    write_text(here / "replan.jsonl", "\n".join(map(json.dumps, [*rows, *curves])) + "\n")
else:
    kept = [json.loads(line) for line in (here / "replan.jsonl").read_text().splitlines()]
    rows = [row for row in kept if "policy" in row]
    curves = [point for point in kept if "policy" not in point]

for row in rows:
    row |= {"reward_mean": sum(row["rewards"]) / len(row["rewards"]), "success_rate": None}
summary = summarize(rows)
for row in summary:
    print(*(row[key] for key in KEPT[:3]), reward_text(row))

figure = new_figure(3.0)
left, right = figure.subplots(1, 2)
lines = curves_of(summary)
for policy, name in NAMES.items():
    if own := lines.get((policy, DRIVER)):
        at = sorted(own)
        low, high = zip(*(own[k]["reward_ci95"] for k in at), strict=True)
        left.fill_between(at, low, high, alpha=0.15, linewidth=0)
        left.plot(at, [own[k]["reward_mean"] for k in at], "o-", label=name)
left.axhline(3.85, color="gray", linewidth=0.8, linestyle=":")
left.set(xlabel="dimensions given by an operator who replans", ylabel="subtasks done of 4")
for seed in sorted({point["train_seed"] for point in curves}):
    own = [point for point in curves if point["train_seed"] == seed]
    right.plot([p["step"] / 1e6 for p in own], [p["helped"] for p in own], label=f"training {seed}")
right.set(xlabel="control steps of practice [million]", ylabel="reward while exploring, helped")
legend_below(figure, left, 3)
right.legend(fontsize=7)
figure.savefig(here / "replan.png", dpi=110)
