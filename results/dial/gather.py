"""Put the rows of `run.sh` into results.json, draw them, print tables: `python gather.py RUNS`."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from mac_control.figures import METHODS, legend_below, new_figure
from mac_control.loop.statistics import mean_and_interval
from mac_control.suites.dial import OPERATORS, WAYS
from mac_control.suites.gather import gather, rows_in

here = Path(__file__).parent
NAMES = ("tracks", "tracks, re-synchronises", "replans", "shaky", "late", "wrong at times")
SAID = dict(zip(OPERATORS, NAMES, strict=True))
#: All operators, and each of them.
GROUPS = (OPERATORS, *([operator] for operator in OPERATORS))
LEVELS = (0.95, 0.9, 0.875, 0.85, 0.825, 0.8)
STYLES = {
    "soft commands": (METHODS["mac"][1], "o-"),
    "estimated soft commands": (METHODS["mac"][1], "*--"),
    "soft commands beyond z": (METHODS["mac"][1], "P:"),
    "all or nothing": ("#000000", "s-"),
    "linear blending": (METHODS["bc"][1], "^-"),
    "blending by agreement": ("#8C564B", "v-"),
    "soft commands to a mixture density": (METHODS["mixture_bc"][1], "o-"),
    "partial diffusion": (METHODS["diffusion"][1], "D-"),
    "partial diffusion in one step": (METHODS["consistency"][1], "D-"),
    "linear blending by diffusion": (METHODS["diffusion"][1], "^--"),
}

KEPT = ("block", "policy", "operator", "num_given", "fold", "train_seed", "episodes", "rewards")
new = [row for folder in sorted(Path(sys.argv[1]).glob("dial*")) for row in rows_in(folder)]
rows = gather(here / "results.json", new, (*KEPT, "metrics.obedience"))
more = [
    row
    for suite in ("partial", "degraded")
    for row in rows_in(Path(sys.argv[1]) / f"adaptive-{suite}", suite=suite)
]
more = gather(
    here / "adaptive.json", more, ("suite", *KEPT, "metrics.obedience"), ("suite", "block")
)

samples, obeyed = defaultdict(list), defaultdict(list)  # a list per fold
for row in rows:
    place = row["block"], row["policy"], row["operator"]
    samples[place].append(row["rewards"])
    obeyed[place].append(row["obedience"])


def point(block: str, policy: str, operators: Sequence[str]) -> tuple[float, float]:
    """Obedience and reward, each a mean over operators and folds."""
    places = [(block, policy, operator) for operator in operators]
    reward = np.mean([np.mean(sample) for place in places for sample in samples[place]])
    return float(np.mean([obeyed[place] for place in places])), float(reward)


def settings_of(way: str) -> tuple[str, list[str]]:
    """The policy of a way, and the block of each of its settings, from exact obedience on."""
    policy, settings = WAYS[way]
    return policy, ["exactly", *(f"{way} at {setting}" for setting in settings)]


def curve(way: str, operators: Sequence[str]) -> np.ndarray:
    """Obedience and reward `(N, 2)` of each setting of a way, from exact obedience on."""
    policy, blocks = settings_of(way)
    return np.array([point(block, policy, operators) for block in blocks])


def over(block: str, policy: str, operators: Sequence[str]) -> np.ndarray:
    """Rewards `(folds, episodes)`, each a mean over operators, who drive the same episodes."""
    return np.mean([samples[block, policy, operator] for operator in operators], axis=0)


def at(way: str, operators: Sequence[str], level: float) -> np.ndarray | None:
    """Rewards as `over`, at an obedience between two settings of a way; None beyond them."""
    policy, blocks = settings_of(way)
    found = sorted((point(block, policy, operators)[0], block) for block in blocks)
    for (low, below), (high, above) in pairwise(found):
        if low <= level <= high:
            share = (level - low) / (high - low)
            parts = [over(block, policy, operators) for block in (below, above)]
            return np.average(parts, axis=0, weights=(1 - share, share))
    return None


for (block, policy, operator), rewards in samples.items():
    found = mean_and_interval(rewards, folds=range(len(rewards)))
    said = SAID.get(operator, operator)
    if block != "alone":
        found += f" | {point(block, policy, [operator])[0]:.2f}"
    print(f"{block} | {policy} | {said} | {found}")

together = defaultdict(list)
for row in more:
    if row["num_given"]:
        place = row["suite"], row["block"], row["operator"], row["num_given"]
        together[place].append((row["rewards"], row["obedience"]))
print("\nadaptive trust")
for (suite, block, operator, given), found in together.items():
    rewards, obedience = zip(*found, strict=True)
    reward = mean_and_interval(rewards, folds=range(len(rewards)))
    said = f"{reward} | {np.mean([np.mean(each) for each in obedience]):.2f}"
    print(f"{suite} | {block} | {operator} | {given} | {said}")

print("\nall operators")
for way, (policy, settings) in WAYS.items():
    for setting in settings:
        block = f"{way} at {setting}"
        found = over(block, policy, OPERATORS)
        obedience = point(block, policy, OPERATORS)[0]
        print(f"{block} | {mean_and_interval(found, folds=range(len(found)))} | {obedience:.3f}")

print("\nless all or nothing at the same obedience")
for operators in GROUPS:
    said = "all" if operators[1:] else SAID[operators[0]]
    for way in ("estimated soft commands", "soft commands beyond z"):
        policy, settings = WAYS[way]
        for setting in settings:
            block = f"{way} at {setting}"
            obedience = point(block, policy, operators)[0]
            other = at("all or nothing", operators, obedience)
            if other is not None:
                found = over(block, policy, operators)
                folds = range(len(found))
                parts = [mean_and_interval(each, folds=folds) for each in (found, other)]
                parts.append(mean_and_interval(found - other, "+", folds))
                print(f"{said} | {block} | {obedience:.3f} | {' | '.join(parts)}")

print("\n| operator | way | " + " | ".join(map(str, LEVELS)) + " |")
for operators in GROUPS:
    for way in WAYS:
        cells = [at(way, operators, level) for level in LEVELS]
        said = " | ".join("" if each is None else f"{each.mean():.2f}" for each in cells)
        print(f"| {'all' if operators[1:] else SAID[operators[0]]} | {way} | {said} |")

figure = new_figure(6.4, 7.6)
axes = figure.subplots(2, 3, sharex=True, sharey=True)
for ax, operator in zip(axes.flat, OPERATORS, strict=True):
    for way, (colour, style) in STYLES.items():
        found = curve(way, [operator])
        ax.plot(found[:, 0], found[:, 1], style, color=colour, label=way, markersize=4, linewidth=1)
    ax.set_title(SAID[operator], fontsize=10)
    ax.set(ylim=(0, 4.1), xlim=(0.7, 1.01))
    ax.grid(alpha=0.3)
axes[1, 1].set_xlabel("obedience: 1 − mean |executed − commanded| / box")
figure.supylabel("subtasks done of 4", fontsize=10)
legend_below(figure, axes[0, 0], 3)
figure.savefig(here / "dial.png", dpi=110)
