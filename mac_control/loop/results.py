"""Reads results of earlier runs, of any version."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mac_control.errors import DataError
from mac_control.json_read import ADVICE, json_object

Row = dict[str, Any]


def earlier_rows(path: Path) -> list[Row]:
    """Rows in the results.json of an earlier run, if there was one.

    Raises:
        DataError: the file is something else, or a row is damaged.
    """
    rows: list[Row] = earlier_results(path)["rows"]
    return rows


def rows_without_suite(path: Path) -> list[Row]:
    """As :func:`earlier_rows`, in a folder to which an evaluation other than a suite may write.

    Raises:
        DataError: also where the results are a suite's.
    """
    results = earlier_results(path)
    if results.get("suite") is not None:
        raise DataError(
            f"{path}: expected results of evaluate without --suite, got those of a suite; "
            "take another --out"
        )
    rows: list[Row] = results["rows"]
    return rows


def earlier_results(path: Path) -> dict[str, Any]:
    """The whole results.json of an earlier run; without rows where there was none.

    Raises:
        DataError: the file is something else, or a row is damaged.
    """
    if not path.exists():
        return {"rows": []}
    results = json_object(path, "results of evaluate", ADVICE)
    rows, suite = results.get("rows"), results.get("suite", {})
    if rows is None and "first" in results:
        raise DataError(
            f"{path}: expected results of rollouts, got those of evaluate --offline, whose page is "
            f"{path.parent / 'report.html'}; take another folder"
        )
    reward = suite.get("reward", "rewards") if isinstance(suite, dict) else None
    if not isinstance(rows, list) or not isinstance(reward, str):
        raise DataError(f"{path}: expected results of evaluate, got something else{ADVICE}")
    checked = []
    for number, row in enumerate(rows):
        try:
            checked.append(_checked(row, reward))
        except DataError as error:
            raise DataError(f"{path}: row {number}: {error}{ADVICE}") from error
    return {**results, "rows": checked}


def upgraded_row(row: Row) -> Row:
    """A row of results of any earlier version, with the names of the current one."""
    if "given" not in row:
        return row
    row = {("num_given" if name == "given" else name): value for name, value in row.items()}
    metrics = row.get("metrics")
    if isinstance(metrics, dict) and "heeded" in metrics:
        row["metrics"] = {
            ("acceptance_rate" if name == "heeded" else name): v for name, v in metrics.items()
        }
    return {"measured": "subtasks", **row}


def _checked(row: Any, reward: str) -> Row:
    """The row, upgraded; a DataError where no table can be made of it."""
    if not isinstance(row, dict):
        raise DataError(f"expected an object, got {str(row)[:40]}")
    row = upgraded_row(row)
    for name, (kind, fits) in {**_NEEDED, reward: _NUMBERS, **_KNOWN}.items():
        if name not in row and name not in _KNOWN:
            raise DataError(f"{name}: expected {kind}, got none")
        if name in row and not fits(row[name]):
            raise DataError(f"{name}: expected {kind}, got {str(row[name])[:40]!r}")
    return row


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_number, value))


def _metrics(value: Any) -> bool:
    return isinstance(value, dict) and all(v is None or _number(v) for v in value.values())


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


_Kind = tuple[str, Callable[[Any], bool]]
_NUMBERS: _Kind = ("a list of numbers", _numbers)
#: Entries that every row has: what they are, and a check of the value.
_NEEDED: dict[str, _Kind] = {
    "policy": ("a name", _text),
    "operator": ("a name", _text),
    "num_given": ("a whole number", _count),
    "train_seed": ("a whole number or null", _or_none(_count)),
    "episodes": ("a whole number", _count),
    "rewards": _NUMBERS,
    "reward_mean": ("a number", _number),
    "success_rate": ("a number or null", _or_none(_number)),
}
#: Entries that only some rows have.
_KNOWN: dict[str, _Kind] = {
    "metrics": ("an object of numbers", _or_none(_metrics)),
    "reward_ci95": ("two numbers", lambda value: _numbers(value) and len(value) == 2),
    "key": ("a text or null", _or_none(_text)),
    **dict.fromkeys(("env", "trust"), ("a text or null", _or_none(_text))),
    **dict.fromkeys(("block", "measured", "video"), ("a text", _text)),
}
