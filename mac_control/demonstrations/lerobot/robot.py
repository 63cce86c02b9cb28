"""Builds a robot from the names and ranges of a LeRobotDataset."""

from __future__ import annotations

from typing import Any

import numpy as np

from mac_control.demonstrations.lerobot.meta import LeRobotMeta
from mac_control.dim_names import named_groups
from mac_control.errors import DataError
from mac_control.json_read import json_object, json_rows
from mac_control.robot import ActionDim, Robot

# A range seen in data is widened by this share of it on either side.
_MARGIN = 0.05
# By default, LeRobot's motors report percent of their calibrated range.
_PERCENT = 100.0


def robot_of_data(meta: LeRobotMeta, low: np.ndarray, high: np.ndarray) -> tuple[Robot, bool]:
    """The robot that names and ranges describe, and whether its box is in percent.

    Its action box is ±100 (0 to 100 for a gripper) where names end in `.pos` and no action is
    beyond, as LeRobot's motors are calibrated; else the range of the data, 5 % wider at each end.

    Args:
        meta: metadata of the data set.
        low, high: least and greatest action of each dimension, `(D,)`.
    """
    names, seen = meta.names(meta.action), meta.names(meta.state)
    percent = all(name.endswith(".pos") for name in names) and max(-low.min(), high.max()) <= 100
    wide = np.where(high > low, _MARGIN * (high - low), 1e-3 * np.maximum(np.abs(high), 1.0))
    dims = []
    for i, name in enumerate(names):
        gripper = "gripper" in name.lower()
        ends = (float(low[i] - wide[i]), float(high[i] + wide[i]))
        if percent:
            ends = (0.0 if gripper and low[i] >= 0 else -_PERCENT, _PERCENT)
        elif gripper and low[i] >= 0:
            ends = (max(0.0, ends[0]), ends[1])
        position = seen.index(name) if name in seen else None
        unknown = position is None and not gripper
        kind = "other" if unknown else ActionDim.target_kind(gripper, *ends)
        dims.append(ActionDim(name, *ends, kind=kind, position=position))
    kind = str(meta.info.get("robot_type") or meta.folder.name)
    return Robot(kind, tuple(dims), named_groups(names), seen, meta.fps), bool(percent)


def stored_range(meta: LeRobotMeta) -> tuple[np.ndarray, np.ndarray] | None:
    """Least and greatest action `(D,)` from the stored statistics; None where they lack them."""
    rows: list[Any] = []
    try:
        if (path := meta.folder / "meta" / "stats.json").is_file():
            rows = [json_object(path)]
        elif (path := meta.folder / "meta" / "episodes_stats.jsonl").is_file():
            rows = [row["stats"] for row in json_rows(path)]
        parts = [
            np.array([np.concatenate([np.ravel(r[f][end]) for f in meta.action]) for r in rows])
            for end in ("min", "max")
        ]
        low, high = parts[0].min(0), parts[1].max(0)
    except (DataError, KeyError, TypeError, ValueError):
        return None
    fits = low.shape == high.shape == (meta.size(meta.action),)
    good = fits and np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()
    return (low, high) if good else None
