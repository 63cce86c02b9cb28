"""Evidence: selected entries of the rows of many runs, one row a line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mac_control.files import write_text
from mac_control.loop.results import earlier_rows

Row = dict[str, Any]


def rows_in(folder: str | Path, **more: Any) -> list[Row]:
    """Rows of a folder's `results.json`, each with `more` added; none where there is no file."""
    return [{**more, **row} for row in earlier_rows(Path(folder) / "results.json")]


def curve_in(folder: str | Path, columns: Sequence[str], **more: Any) -> list[Row]:
    """Numbers in a run's `log.csv`, a row an update, each with `more`; none where there is no file.

    An empty cell is None.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "log.csv").write_text("step,reward,alone\\n640,2.5,\\n")
        >>> curve_in(folder, ("step", "reward", "alone"), run="narrow")
        [{'run': 'narrow', 'step': 640.0, 'reward': 2.5, 'alone': None}]
        >>> curve_in(folder / "elsewhere", ("step",))
        []
    """
    log = Path(folder) / "log.csv"
    if not log.exists():
        return []
    with open(log, encoding="utf-8", newline="") as file:
        return [
            {**more, **{name: float(row[name]) if row[name] else None for name in columns}}
            for row in csv.DictReader(file)
        ]


def gather(
    file: str | Path,
    new: Iterable[Row],
    keep: Sequence[str],
    place: Sequence[str] = ("block", "policy"),
) -> list[Row]:
    """Write rows to a JSON file; they replace its rows with the same entries in `place`.

    Args:
        file: JSON, one row a line; need not exist.
        new: rows, such as `rows_in` returns.
        keep: entries of a row that are kept; `metrics.obedience` is kept as `obedience`.
        place: entries that identify what is rated; rows in the file that match no new one stay.

    Returns:
        All rows that are then in the file.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "rows.json"
        >>> bc = {"policy": "bc", "reward_mean": 1.0, "metrics": {"effort": 0.5}}
        >>> gather(file, [bc, bc | {"policy": "mac"}], ("policy", "metrics.effort"), ("policy",))
        [{'policy': 'bc', 'effort': 0.5}, {'policy': 'mac', 'effort': 0.5}]
        >>> gather(file, [bc], ("policy", "reward_mean"), ("policy",))
        [{'policy': 'mac', 'effort': 0.5}, {'policy': 'bc', 'reward_mean': 1.0}]
    """
    file = Path(file)
    found = [_kept(row, keep) for row in new]
    there = {tuple(row[name] for name in place) for row in found}
    earlier = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    rows = [row for row in earlier if tuple(row[name] for name in place) not in there] + found
    write_text(file, "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    return rows


def _kept(row: Row, keep: Sequence[str]) -> Row:
    kept = {}
    for name in keep:
        whole, _, part = name.partition(".")
        kept[part or whole] = row[whole].get(part) if part else row[whole]
    return kept
