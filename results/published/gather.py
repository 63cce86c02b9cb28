"""Put rows of the two scripts here into minute.json, draw and print them: `python gather.py RUNS`.

Rows that RUNS lacks (of a part, a block and a policy) stay as they are.
"""

import sys
from pathlib import Path

import numpy as np

from mac_control.figures import method_colours, method_label, new_figure
from mac_control.loop.metrics import paired_difference
from mac_control.loop.statistics import mean_and_interval
from mac_control.suites.gather import gather, rows_in

KEPT = ("part", "block", "policy", "operator", "num_given", "train_seed", "episodes", "rewards")
#: Folder in RUNS -> what its rows are of.
PARTS = {
    "published": "as they are",
    "published-chunks": "as they are",
    "published-others": "as they are",
    "published-ibc": "as they are",
    "low-raw": "low noise",
    "low-raw-chunks": "low noise",
    "low-raw-others": "low noise",
    "low-raw-ibc": "low noise",
    "low-bc/rated": "low noise, other BC",
    "low-corrected": "low noise, corrections",
    "low-corrected-chunks": "low noise, corrections",
    "low-corrected-others": "low noise, corrections",
    "low-corrected-ibc": "low noise, corrections",
}

here = Path(__file__).parent
new = [
    row
    for name, part in PARTS.items()
    for row in rows_in(Path(sys.argv[1]) / name, part=part, block="alone")
]
rows = gather(here / "minute.json", new, KEPT, ("part", "block", "policy"))
cells: dict[tuple[str, str, int], list[dict]] = {}
for row in rows:
    cells.setdefault((row["part"], row["policy"], row["num_given"]), []).append(row)


def first(rows: list[dict], episodes: int) -> list[dict]:
    return [row | {"rewards": row["rewards"][:episodes]} for row in rows]


print("| demonstrations | policy | given | trainings | reward | less BC alone, same episodes |")
for (part, policy, given), own in cells.items():
    episodes = min(row["episodes"] for row in own)
    seeds = {row["train_seed"] for row in own}
    base = [row for row in cells.get((part, "bc", 0), []) if row["train_seed"] in seeds]
    less = mean_and_interval(paired_difference(own, first(base, episodes)), "+") if base else ""
    reward = mean_and_interval([row["rewards"] for row in own])
    print(f"| {part} | {method_label(policy)} | {given} | {len(own)} | {reward} | {less} |")

parts = ("as they are", "low noise", "low noise, corrections")
colours = method_colours({policy for _, policy, _ in cells})
figure = new_figure(3.0)
axes = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
for ax, part in zip(axes, parts, strict=True):
    alone = {policy: own for (p, policy, given), own in cells.items() if p == part and given == 0}
    for at, (policy, own) in enumerate(alone.items()):
        means = [np.mean(row["rewards"]) for row in own]
        spread = np.linspace(-0.15, 0.15, len(means)) if len(means) > 1 else [0.0]
        ax.plot(at + np.array(spread), sorted(means), "o", color=colours[policy], markersize=3)
        ax.hlines(np.mean(means), at - 0.3, at + 0.3, color=colours[policy])
    names = [method_label(policy).replace(", ", ",\n") for policy in alone]
    ax.set_xticks(range(len(alone)), names, fontsize=7, rotation=45, ha="right")
    ax.set(ylim=(0, 4.1))
    ax.set_title(part, fontsize=10)
    ax.grid(axis="y", alpha=0.3)
axes[0].set_ylabel("subtasks done of 4, alone")
figure.savefig(here / "minute.png", dpi=110)
