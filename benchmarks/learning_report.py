"""The page of the study of learning against time: a figure and its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

from mac_control.figures import METHODS, legend_below, new_figure
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
    """A table for each set of data, as Markdown: likelihood of the whole action by training time.

    Best after the shortest time first; a mean and a range where there are several training seeds.
    Times with a single variant are left out.
    """
    step = {(row["data"], row["variant"]): row["step_ms"] for row in times}
    parts = []
    for data in _names(runs):
        cells = _cells(runs, data)
        columns = _seconds(cells)
        parts += [
            f"\n## {data}\n",
            "| variant | step [ms] | " + " | ".join(f"{each:g} s" for each in columns) + " |",
            "|---" + "|---:" * (1 + len(columns)) + "|",
        ]
        first = [(fmean(cells[name, columns[0]]), name) for name in _variants(cells, columns[0])]
        later = [name for name in _variants(cells) if (name, columns[0]) not in cells]
        for variant in [*(name for _, name in sorted(first, reverse=True)), *later]:
            texts = [_text(cells.get((variant, each), [])) for each in columns]
            parts.append(f"| {variant} | {step[data, variant]:.1f} | " + " | ".join(texts) + " |")
    return "\n".join(parts) + "\n"


#: Likelihoods of a variant after a number of seconds, one for each training seed.
Cells = dict[tuple[str, float], list[float]]


def _names(runs: Sequence[Row]) -> list[str]:
    return sorted({row["data"] for row in runs}, reverse=True)


def _cells(runs: Sequence[Row], data: str) -> Cells:
    cells: Cells = {}
    for row in runs:
        if row["data"] == data:
            cells.setdefault((row["variant"], row["seconds"]), []).append(row["joint"])
    return cells


def _variants(cells: Cells, seconds: float | None = None) -> list[str]:
    return list(dict.fromkeys(name for name, each in cells if seconds in (None, each)))


def _seconds(cells: Cells) -> list[float]:
    """Times with several variants, or all where none has."""
    times = sorted({seconds for _, seconds in cells})
    return [each for each in times if len(_variants(cells, each)) > 1] or times


def _text(values: Sequence[float]) -> str:
    """The mean, and the range over training seeds where there are several.

    Example:
        >>> _text([]), _text([1.0]), _text([1.0, 1.5])
        ('', '1.00', '1.25 (1.00 to 1.50)')
    """
    if not values:
        return ""
    spread = f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
    return f"{fmean(values):.2f}{spread}"


def draw(runs: Sequence[Row], file: Path) -> None:
    """Likelihood of each variant by training time, one panel for each set of data.

    Likelihoods below 0 are drawn at the left edge.
    """
    names = _names(runs)
    cells = {name: _cells(runs, name) for name in names}
    times = sorted({seconds for each in cells.values() for seconds in _seconds(each)})
    white = dict(zip(times, np.linspace(0.75, 0.0, len(times)).tolist(), strict=True))
    counts = [len(_variants(each)) for each in cells.values()]
    figure = new_figure(2.0 + 0.24 * sum(counts))
    figure.suptitle("Held-out log-likelihood per dimension [nats]; below 0 drawn at 0", fontsize=11)
    panels = figure.subplots(len(names), 1, squeeze=False, height_ratios=[c + 1 for c in counts])
    for axes, name in zip(panels[:, 0], names, strict=True):
        found = cells[name]
        shown = _seconds(found)
        order = sorted(_variants(found), key=lambda each: _mean(found, each, shown[0]))
        for seconds in shown:
            rows = [at for at, variant in enumerate(order) if (variant, seconds) in found]
            means = [max(0.0, _mean(found, order[at], seconds)) for at in rows]
            colours = [_shaded(order[at], white[seconds]) for at in rows]
            axes.scatter(means, rows, s=28, color=colours, zorder=2)
        axes.set_yticks(range(len(order)), order)
        axes.set(xlim=(-0.03, None), ylim=(-0.7, len(order) - 0.3))
        axes.set_title(name, fontsize=10)
        axes.grid(axis="y", linewidth=0.5)
        axes.tick_params(labelsize=9)
    for seconds in times:
        panels[0, 0].scatter([], [], color=_shaded("mac", white[seconds]), label=f"{seconds:g} s")
    legend_below(figure, panels[0, 0])
    with atomic_path(file) as temporary:
        figure.savefig(temporary, dpi=80, format="png")


def _mean(cells: Cells, variant: str, seconds: float) -> float:
    """Minus infinity where there is none."""
    return fmean(cells.get((variant, seconds), [-np.inf]))


def _shaded(variant: str, white: float) -> tuple[float, ...]:
    """The colour of a variant's method, mixed with this share of white."""
    colour = METHODS["mixture_bc" if "mixture" in variant else "mac"][1]
    colour = "#000000" if variant == "mac as it was" else colour
    return tuple(white + (1 - white) * part for part in to_rgb(colour))
