"""The page of the study of learning against time: a figure and its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from mac_control.figures import METHODS, new_figure
from mac_control.files import atomic_path

Row = Mapping[str, Any]


def rows_of(file: Path) -> list[Row]:
    """The rows of a file, each run once."""
    if not file.exists():
        return []
    rows = map(json.loads, file.read_text().splitlines())
    return list({tuple(row.get(k) for k in _KEY): row for row in rows}.values())


_KEY = ("data", "variant", "seconds", "seed")


def tables(runs: Sequence[Row], times: Sequence[Row]) -> str:
    """A table for each set of data and each time, best first, as Markdown; means over seeds."""
    step = {(row["data"], row["variant"]): row["step_ms"] for row in times}
    parts = []
    for data, seconds in sorted({(row["data"], row["seconds"]) for row in runs}, reverse=True):
        found = [row for row in runs if (row["data"], row["seconds"]) == (data, seconds)]
        shown = [key for key in found[0] if key == "joint" or key.startswith("given")]
        parts += [
            f"\n## {data}, {seconds:g} s\n",
            "| variant | step [ms] | steps | " + " | ".join(shown) + " |",
            "|---" + "|---:" * (2 + len(shown)) + "|",
        ]
        seeds = _by_variant(found)
        for variant in sorted(seeds, key=lambda name: -_mean(seeds[name], "joint")):
            own = seeds[variant]
            cells = [f"{step[data, variant]:.1f}", f"{own[0]['steps']:,}"]
            cells += [_text([row[key] for row in own]) for key in shown]
            parts.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(parts) + "\n"


def _by_variant(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["variant"], []).append(row)
    return found


def _mean(rows: Sequence[Row], key: str) -> float:
    return fmean(row[key] for row in rows)


def _text(values: Sequence[float]) -> str:
    """The mean, and the range over training seeds where there are several.

    Example:
        >>> _text([1.0]), _text([1.0, 1.5])
        ('1.00', '1.25 (1.00 to 1.50)')
    """
    spread = f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
    return f"{fmean(values):.2f}{spread}"


def draw(runs: Sequence[Row], file: Path) -> None:
    """Likelihood of each variant after the shortest time, one panel for each set of data."""
    names = sorted({row["data"] for row in runs}, reverse=True)
    shortest = min(row["seconds"] for row in runs)
    panel = {n: [r for r in runs if (r["data"], r["seconds"]) == (n, shortest)] for n in names}
    seeds = {name: _by_variant(rows) for name, rows in panel.items()}
    counts = [len(seeds[name]) for name in names]
    figure = new_figure(1.6 + 0.24 * sum(counts))
    figure.suptitle("Held-out log-likelihood per dimension [nats]", fontsize=11)
    panels = figure.subplots(len(names), 1, squeeze=False, height_ratios=[c + 1 for c in counts])
    for axes, name in zip(panels[:, 0], names, strict=True):
        means = {variant: _mean(rows, "joint") for variant, rows in seeds[name].items()}
        order = sorted(means, key=lambda variant: means[variant])
        axes.barh(order, [means[v] for v in order], color=[_colour(v) for v in order])
        axes.set_title(f"{name}: after {shortest:g} s of training", fontsize=10)
        axes.tick_params(labelsize=9)
    with atomic_path(file) as temporary:
        figure.savefig(temporary, dpi=80, format="png")


def _colour(variant: str) -> str:
    if variant == "mac as it was":
        return "#56B4E9"
    return METHODS["mixture_bc" if "mixture" in variant else "mac"][1]
