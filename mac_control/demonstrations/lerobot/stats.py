"""Statistics of a LeRobotDataset, per episode and overall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}

#: Feature -> statistic -> an array `(size,)`; the count has one entry.
Stats = dict[str, dict[str, np.ndarray]]


def episode_stats(columns: Mapping[str, np.ndarray]) -> Stats:
    """Statistics of the columns `(T, size)` of an episode."""
    found: Stats = {}
    for name, column in columns.items():
        rows = np.asarray(column, np.float64)
        found[name] = {
            "min": rows.min(0),
            "max": rows.max(0),
            "mean": rows.mean(0),
            "std": rows.std(0),
            "count": np.array([len(rows)]),
            **dict(zip(_QUANTILES, np.quantile(rows, [*_QUANTILES.values()], axis=0), strict=True)),
        }
    return found


def merged(first: Stats | None, second: Stats) -> Stats:
    """Statistics of both parts: exact, except quantiles, which are weighted means.

    Example:
        >>> parts = [episode_stats({"x": np.array([[a], [a + 2.0]])}) for a in (0, 4)]
        >>> merged(*parts)["x"]["std"].tolist()
        [2.23606797749979]
    """
    if first is None:
        return second
    found: Stats = {}
    for name, b in second.items():
        a = first[name]
        n, m = a["count"], b["count"]
        mean = (a["mean"] * n + b["mean"] * m) / (n + m)
        square = (a["std"] ** 2 + (a["mean"] - mean) ** 2) * n
        square = square + (b["std"] ** 2 + (b["mean"] - mean) ** 2) * m
        found[name] = {
            "min": np.minimum(a["min"], b["min"]),
            "max": np.maximum(a["max"], b["max"]),
            "mean": mean,
            "std": np.sqrt(square / (n + m)),
            "count": n + m,
            **{q: (a[q] * n + b[q] * m) / (n + m) for q in _QUANTILES},
        }
    return found


def to_json(stats: Stats) -> dict[str, Any]:
    """Statistics as JSON values; counts stay integers."""
    return {
        name: {key: value.tolist() for key, value in each.items()} for name, each in stats.items()
    }


def from_json(record: Mapping[str, Any]) -> Stats:
    """The inverse of :func:`to_json`."""
    return {
        name: {key: np.asarray(value) for key, value in each.items()}
        for name, each in record.items()
    }
