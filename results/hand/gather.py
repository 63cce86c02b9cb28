"""Put the rows of the door into results.json, draw them, and print them: `python gather.py RUNS`.

RUNS/hand is from the suite `hand`, RUNS/hand-plain from plain.sh, RUNS/drives from drives.sh,
RUNS/hand-practice from practice.sh, RUNS/hand-more from more.sh, RUNS/relocate from the suite
`hand-relocate`, RUNS/robust from `hand-robust`, RUNS/hand-folds from `hand` in five folds,
RUNS/tuned from `hand-tuned`, RUNS/tuned-folds from that in five folds, RUNS/relocate-means from
relocate.sh. Rows of a folder that is missing stay as they are.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from mac_control.figures import (
    METHODS,
    legend_below,
    method_colours,
    method_label,
    new_figure,
)
from mac_control.files import write_text
from mac_control.loop.statistics import bootstrap_interval, with_interval
from mac_control.suites.gather import curve_in, gather, rows_in

here, runs = Path(__file__).parent, Path(sys.argv[1])
#: Folder of a practised policy, before its seed.
FOLDERS = {
    "mac_practised": "seed",
    "mixture_bc_practised": "mixture",
    "mixture_bc_conditioned_practised": "conditioned",
}
KEPT = ("part", "policy", "operator", "train_seed", "episodes", "successes")
#: Suites whose rows are told apart by a word -> their folders.
WORDS = {
    "tuned": "tuned",
    "tuned, folds": "tuned-folds",
    "relocate": "relocate",
    "robust": "robust",
    "folds": "hand-folds",
}
WAYS = ("nobody", "arm", "arm and wrist", "fingers", "3 random", "10 random")


def rows_of(folder: str, part: str) -> list[dict]:
    return [
        row | {"part": row.get("block") or part, "successes": list(map(int, row["successes"]))}
        for row in rows_in(runs / folder)
    ]


def way(operator: str) -> str:
    """What the operator gives, as a person says it."""
    if "group:" in operator:
        return operator.split("group:")[1].replace(":", " and ")
    return f"{operator.split('k:')[1]} random" if "k:" in operator else operator.split("+")[0]


def rates(rows: list[dict]) -> dict[tuple[str, str, str], tuple[float, float, float]]:
    """(part, policy, operator) -> share of successes, and its interval over seeds and episodes."""
    samples = defaultdict(list)
    for row in rows:
        samples[row["part"], row["policy"], row["operator"]].append(row["successes"])
    return {
        key: (
            sum(map(sum, each)) / sum(map(len, each)),
            *bootstrap_interval(each, folds=range(len(each)) if "folds" in key[0] else None),
        )
        for key, each in samples.items()
    }


drives = rows_of("drives/rated", "drives")
practice = rows_of("hand-practice/rated", "practice")
plain = rows_of("hand-plain/rated", "without noise")
bad = rows_of("hand-practice/rated-bad", "practice, bad operators")
more = rows_of("hand-more/rated", "more means")
more += rows_of("relocate-means/rated", "relocate, more means")
suites = [
    row | {"part": f"{name}: {row['part']}"}
    for name, folder in WORDS.items()
    for row in rows_of(folder, "")
]
new = [*rows_of("hand", ""), *suites, *plain, *drives, *practice, *bad, *more]
rows = gather(here / "results.json", new, KEPT, ("part", "policy"))
found = rates(rows)
for (part, policy, operator), (mean, low, high) in sorted(found.items()):
    print(f"{part:20.20} {policy:24} {operator:55} {with_interval(mean, (low, high))}")


def draw_bars(axes: Axes, policies: dict[str, str], ways: Sequence[str]) -> None:
    """Bars of policies (name -> part of the rows) side by side, for each way to give."""
    width, colours = 0.85 / len(policies), method_colours(policies)
    for index, (policy, part) in enumerate(policies.items()):
        own = {way(key[2]): rate for key, rate in found.items() if key[:2] == (part, policy)}
        rated = [own[name] for name in ways]
        axes.bar(
            [i + width * (index - (len(policies) - 1) / 2) for i in range(len(ways))],
            [rate[0] for rate in rated],
            width,
            yerr=[[r[0] - r[1] for r in rated], [r[2] - r[0] for r in rated]],
            color=colours[policy],
            label=method_label(policy),
            error_kw={"elinewidth": 1},
        )
    axes.set_xticks(range(len(ways)), ways, fontsize=7)
    axes.set(ylim=(0, 1), ylabel="share of doors opened", xlabel="what the operator gives")


SUITE = "who is worth what"
TUNED = f"tuned: {SUITE}"
figure = new_figure(3.2)
axes = figure.subplots()
tuned = {name: TUNED for name in METHODS if any(key[:2] == (TUNED, name) for key in found)}
draw_bars(axes, tuned | {"mac_practised": "practice"}, WAYS[:5])
axes.set_title("25 people's demonstrations, a minute of training, tuned alike", fontsize=10)
legend_below(figure, axes, 4)
figure.savefig(here / "door.png", dpi=110)

if drives:
    figure = new_figure(3.0)
    axes = figure.subplots(1, 2, sharey=True)
    for ax, name in zip(axes, ("nobody", "arm and wrist"), strict=True):
        for policy in ("bc", "mac"):
            own = {
                int(key[1].split("-")[1]): rate
                for key, rate in found.items()
                if key[0] == "drives" and key[1].startswith(policy) and way(key[2]) == name
            }
            at = sorted(own)
            mean, low, high = zip(*(own[i] for i in at), strict=True)
            ax.fill_between(at, low, high, alpha=0.2, color=METHODS[policy][1], linewidth=0)
            ax.plot(at, mean, "o-", color=METHODS[policy][1], label=method_label(policy))
        ax.set(title=f"given: {name if name != 'nobody' else 'nothing'}", xticks=at, ylim=(0, 1))
        ax.set_xlabel("rounds of recorded drives")
        ax.title.set_fontsize(10)
    axes[0].set_ylabel("share of doors opened")
    legend_below(figure, axes[0])
    figure.savefig(here / "drives.png", dpi=110)


def curve(*folders: str) -> tuple[list[float], list[float]]:
    """Control steps in millions, and the mean reward of ten updates each, of one practice."""
    steps, rewards, began = [], [], 0
    for folder in folders:
        found = curve_in(runs / "hand-practice" / folder, ("step", "reward"))
        for at in range(0, len(found) - 9, 10):
            part = found[at : at + 10]
            steps.append((began + part[-1]["step"]) / 1e6)
            rewards.append(sum(row["reward"] for row in part) / 10)
        began += found[-1]["step"]
    return steps, rewards


if practice:
    trained = sorted({(row["policy"], row["train_seed"]) for row in practice})
    curves = {}
    for policy, seed in trained:
        name = f"{FOLDERS[policy]}-{seed}"
        curves[policy, seed] = curve(*(["first"] if name == "seed-0" else []), name)
    lines = [
        json.dumps(
            {
                "policy": policy,
                "train_seed": seed,
                "steps": round(1e6 * step),
                "reward": round(reward, 2),
            }
        )
        for (policy, seed), (steps, rewards) in curves.items()
        for step, reward in zip(steps, rewards, strict=True)
    ]
    write_text(here / "practice.jsonl", "\n".join(lines) + "\n")
    figure = new_figure(3.2)
    axes, ax = figure.subplots(1, 2)
    known = {key[1] for key in found}
    entrants = dict.fromkeys(("bc", "mixture_bc_conditioned", "mac"), SUITE)
    entrants |= {
        name: "practice" for name in ("mixture_bc_practised", "mac_practised") if name in known
    }
    draw_bars(axes, entrants, WAYS[:3])
    for (policy, _), (steps, rewards) in curves.items():
        if policy in entrants:
            ax.plot(steps, rewards, color=method_colours(entrants)[policy])
    ax.set(xlabel="control steps of practice [million]", ylabel="reward while practising")
    legend_below(figure, axes, 3)
    figure.savefig(here / "practice.png", dpi=110)
