"""The page of the study of learning against time: a figure and its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
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
    """A table for each set of data and each time, best first, as Markdown."""
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
        for row in sorted(found, key=lambda row: -row["joint"]):
            cells = [f"{step[data, row['variant']]:.1f}", f"{row['steps']:,}"]
            cells += [f"{row[key]:.2f}" for key in shown]
            parts.append(f"| {row['variant']} | " + " | ".join(cells) + " |")
    return "\n".join(parts) + "\n"


def draw(runs: Sequence[Row], file: Path) -> None:
    """Likelihood of each variant after the shortest time, one panel for each set of data."""
    names = sorted({row["data"] for row in runs}, reverse=True)
    shortest = min(row["seconds"] for row in runs)
    counts = [sum(r["data"] == n and r["seconds"] == shortest for r in runs) for n in names]
    figure = new_figure(1.6 + 0.24 * sum(counts))
    figure.suptitle("Held-out log-likelihood per dimension [nats]", fontsize=11)
    panels = figure.subplots(len(names), 1, squeeze=False, height_ratios=[c + 1 for c in counts])
    for axes, name in zip(panels[:, 0], names, strict=True):
        found = [r for r in runs if r["data"] == name and r["seconds"] == shortest]
        found.sort(key=lambda row: row["joint"])
        colours = [_colour(row["variant"]) for row in found]
        axes.barh([r["variant"] for r in found], [r["joint"] for r in found], color=colours)
        axes.set_title(f"{name}: after {shortest:g} s of training", fontsize=10)
        axes.tick_params(labelsize=9)
    with atomic_path(file) as temporary:
        figure.savefig(temporary, dpi=80, format="png")


def _colour(variant: str) -> str:
    if variant == "mac as it was":
        return "#56B4E9"
    return METHODS["mixture_bc" if "mixture" in variant else "mac"][1]
