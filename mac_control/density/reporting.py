"""Reports of ratings: mean and range over seeds, differences, learning curves."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.disk import writing
from mac_control.errors import DataError
from mac_control.figures import legend_below, method_colours, method_label, new_figure
from mac_control.files import locked, write_text
from mac_control.json_read import json_rows

Row = dict[str, Any]
QUERIES = ("joint", "marginal", "conditional", "evidence")
#: (objective, queries) -> its name on a page.
_NAMES = {
    ("ardm", "marginal"): "ARDM",
    ("ardm", "evidence"): "ARDM",
    ("no-redundancy", "marginal"): "redundancy removed",
    ("mac", "marginal"): "+ frequency weights (MAC)",
    ("paper", "marginal"): "+ cardinality weights (as published)",
    ("mac", "evidence"): "MAC for p(rest given any)",
    ("mac", "joint"): "one order, joint only",
    ("ardm-sets", "marginal"): "ARDM, sampler as published",
    ("mac-sets", "marginal"): "MAC, sampler as published",
}
_BASE, _OURS = "ARDM", "+ frequency weights (MAC)"
#: What tells ratings apart.
_KEY = ("model", "folder", "asked_in", "split", "data")


def read_rows(path: str | Path) -> list[Row]:
    """The rows of a file written by evaluate.

    Raises:
        DataError: no such file, or something else.
    """
    expected = "a file that 'mac-control density evaluate --out' wrote"
    rows = json_rows(Path(path), expected, "objective")
    if not rows:
        raise DataError(f"{path}: expected {expected}, got no ratings")
    return rows


def add_row(path: str | Path, row: Row) -> None:
    """Add a row to a file; it replaces one of the same model, data and order of queries.

    A row that does not say its folder or data, as older ones, is told by the rest.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent):  # several processes may write into one file
        rows = read_rows(path) if path.exists() else []
        rows = [r for r in rows if any(k in r and r[k] != row.get(k, r[k]) for k in _KEY)]
        write_text(path, "".join(json.dumps(r) + "\n" for r in [*rows, row]))


def label(row: Row) -> str:
    """Name of how a row's model was trained, and of its order of queries where that differs.

    Example:
        >>> label({"objective": "ardm", "queries": "marginal", "asked_in": "natural"})
        'ARDM, asked in natural order'
    """
    objective = row["objective"]
    name = _NAMES.get((objective, row["queries"]), f"{objective}, {row['queries']}")
    if "method" in row:
        return str(row["method"])
    usual = "random" if objective.startswith("ardm") else row["asked_in"]
    if row.get("trained_in", usual) != row["asked_in"]:
        name += f", asked in {row['asked_in']} order"
    return name


def grouped(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by label: ours in the order of `_NAMES`, then the others in their own order."""
    known = list(_NAMES)
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda r: _place(r, known)):
        groups.setdefault(label(row), []).append(row)
    return groups


def _place(row: Row, known: list[tuple[str, str]]) -> int:
    way = (row["objective"], row["queries"])
    return known.index(way) if way in known else len(known)


def page(title: str, note: str, sections: dict[str, list[Row]]) -> str:
    """The tables as Markdown.

    Raises:
        DataError: a section with ratings on several splits or data.
    """
    lines = [f"# {title}", "", note, ""] if note else [f"# {title}", ""]
    lines += [
        "Log-likelihood of the queried variables on held-out rows: tables in nats; text and images "
        "in bits per dimension, which is the sum over the queried variables, negated and divided "
        "by the number of all variables. Mean [lowest, highest] over seeds. joint: all variables. "
        "marginal: a random set of uniform size. conditional: the rest given a random set. "
        "evidence: the rest, where each variable is given with probability 1/2. Every model gets "
        "the same queries on the same rows, and each answer sums to 1 over the queried variables. "
        "A dash: the model was not trained for such queries.",
        "",
    ]
    for name, rows in sections.items():
        groups = grouped(rows)
        first, split = rows[0], _only(name, rows, "split") or "test"
        _only(name, rows, "data")
        tables = first["kind"] == "tables"
        unit = "Nats, higher" if tables else "Bits per dimension, lower"
        lines += [
            f"## {name}: D = {first['dim']}, {first['rows']} {split} rows",
            "",
            f"{unit} is better.",
            "",
            "| training | joint | marginal | conditional | evidence | CPU [s] | seeds |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        for what, found in groups.items():
            joint_only = found[0]["queries"] == "joint"
            cells = [_cell(found, q, joint_only and q != "joint") for q in QUERIES]
            cpu = np.mean([r["cpu_s"] for r in found])
            lines.append(f"| {what} | {' | '.join(cells)} | {cpu:.0f} | {len(found)} |")
        lines += ["", *_compared(groups), ""]
    return "\n".join([*lines, "![learning curves](curves.png)"]) + "\n"


def _only(name: str, rows: list[Row], field: str) -> str | None:
    """What the rows of a section have in common, where they say it."""
    found = sorted({str(r[field]) for r in rows if field in r})
    if len(found) > 1:
        raise DataError(
            f"{name}: expected ratings on the same {field}, got {', '.join(found)}; rate each "
            "into a file of its own"
        )
    return found[0] if found else None


def _cell(rows: list[Row], query: str, dash: bool) -> str:
    values = [_value(r, query) for r in rows if query in r]
    if dash or not values:
        return "-"
    return f"{np.mean(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


def _value(row: Row, query: str) -> float:
    """The figure that a page shows: bits per dimension; for tables, nats per row."""
    value = float(row[query]["mean"])
    return -value * math.log(2) * row["dim"] if row["kind"] == "tables" else value


def _compared(groups: dict[str, list[Row]]) -> list[str]:
    """Sentences per kind of query: MAC against the best of each rival method."""
    if _OURS not in groups:
        return []
    lines = []
    unit = "nats" if groups[_OURS][0]["kind"] == "tables" else "bits"
    sign = -1 if unit == "nats" else 1  # so that lower is better
    for query in ("joint", "marginal"):
        mine = [sign * _value(r, query) for r in groups[_OURS]]
        for rival in (_BASE, "zuko", "scikit-learn"):
            bases = {
                k: [sign * _value(r, query) for r in v if query in r]
                for k, v in groups.items()
                if k.startswith(rival) and "sampler" not in k
            }
            bases = {k: v for k, v in bases.items() if v}
            if not bases:
                continue
            best = min(bases, key=lambda k: float(np.mean(bases[k])))
            gap = float(np.mean(mine) - np.mean(bases[best]))
            apart = max(mine) < min(bases[best]) or max(bases[best]) < min(mine)
            side = "better" if gap < 0 else "worse"
            what = "do not meet" if apart else "overlap"
            lines.append(
                f"- {query}: MAC is {abs(gap):.3f} {unit} {side} than {best}; their ranges over "
                f"seeds {what}."
            )
    return lines


def figure(sections: dict[str, list[Row]]) -> Any:
    """Learning curves: bits of validation rows against CPU seconds, one line a seed."""
    found = {k: [r for r in rows if r.get("curve")] for k, rows in sections.items()}
    found = {k: v for k, v in found.items() if v}
    count = max(1, len(found))
    result = new_figure(2.9 * count + 0.6, width=6.4)
    axes = result.subplots(count, 2, squeeze=False)
    labels = [k for rows in found.values() for k in grouped(rows) if ", asked in" not in k]
    colours = method_colours(labels)
    drawn: dict[str, Any] = {}
    for row, (name, rows) in enumerate(found.items()):
        groups = {k: v for k, v in grouped(rows).items() if ", asked in" not in k}
        for column, query in enumerate(("joint", "marginal")):
            ax = axes[row, column]
            for what, runs in groups.items():
                if query == "marginal" and runs[0]["queries"] != "marginal":
                    continue
                for run in runs:
                    curve = np.array(run["curve"])
                    (line,) = ax.plot(curve[:, 0], curve[:, 1 + column], color=colours[what], lw=1)
                    drawn.setdefault(method_label(what), line)
            ax.set_title(f"{name}: {query}", fontsize=10)
            ax.set_xlabel("processor time [s]")
            ax.set_ylabel("bits per dimension" if column == 0 else "")
    legend_below(result, drawn)
    return result


def curve(log: Path) -> list[list[float]]:
    """`[CPU seconds, joint, marginal]` of the validation rows in a log.csv; empty where none."""
    import csv

    if not log.exists():
        return []
    with open(log, newline="") as file:
        rows = [r for r in csv.DictReader(file) if r.get("joint") and r.get("cpu")]
    found = [[float(r[k]) for k in ("cpu", "joint", "marginal")] for r in rows]
    return [[round(v, 3) for v in row] for row in found if all(map(math.isfinite, row))]
