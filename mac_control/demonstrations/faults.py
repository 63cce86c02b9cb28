"""Finds every fault of a data set, with its episode and step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.demonstrations.d4rl import episode_slices, recorded_metadata
from mac_control.demonstrations.hdf5 import read_arrays
from mac_control.demonstrations.lerobot.meta import is_lerobot
from mac_control.demonstrations.minari_read import (
    raw_episodes,
    read_metadata,
    read_spaces,
)
from mac_control.demonstrations.npz import npz_columns
from mac_control.errors import DataError, InputError
from mac_control.layout import flat_steps
from mac_control.robot import Robot


def find_faults(path: Path) -> Iterator[str]:
    """A sentence per fault of an HDF5 file of D4RL's layout, an `.npz` or a data set's folder.

    A file that cannot be read at all has that one fault. Numbers that are not finite, and actions
    outside the box of the described robot, the action space (Minari) or [-1, 1] (D4RL), are
    reported by episode, first step, and number of affected steps. An `.npz` states no box.
    """
    try:
        if is_lerobot(path):
            from mac_control.demonstrations.lerobot.faults import lerobot_faults

            yield from lerobot_faults(path)
            return
        if path.suffix == ".npz":
            yield from _array_faults(npz_columns(path), -np.inf, np.inf)
            return
        yield from _minari_faults(path) if path.is_dir() else _hdf5_faults(path)
    except DataError as error:
        yield str(error)


def _hdf5_faults(path: Path) -> Iterator[str]:
    arrays, attributes = read_arrays(path)
    yield from _array_faults(arrays, *_box(attributes))


def _array_faults(arrays: dict[str, np.ndarray], low: Any, high: Any) -> Iterator[str]:
    missing = [name for name in ("observations", "actions") if name not in arrays]
    ends = [arrays[name] for name in ("terminals", "timeouts") if name in arrays]
    for name in missing + ([] if ends else ["terminals (or timeouts)"]):
        yield f"{name}: expected in the file, found no such array"
    if missing or not ends:
        return
    steps = len(arrays["actions"])
    for name, array in arrays.items():
        if name.count("/") == 0 and array.shape[:1] != (steps,):
            yield f"{name}: expected {steps} steps as actions have, got shape {array.shape}"
    for name in ("observations", "actions"):
        if arrays[name].ndim != 2 or len(arrays[name]) != steps:
            yield f"{name}: expected shape ({steps}, size), got {arrays[name].shape}"
            return
    last = np.zeros(steps, bool)
    for end in ends:
        if end.size == steps:
            last |= end.reshape(steps).astype(bool)
    if steps and not last[-1]:
        yield f"the last episode, {len(episode_slices(last)) - 1}, has no end"
    for index, rows in enumerate(episode_slices(last)):
        columns = {
            name: array[rows]
            for name, array in arrays.items()
            if array.shape[:1] == (steps,) and array.dtype.kind in "fiub"
        }
        yield from _episode_faults(index, columns, low, high)


def _box(attributes: dict[str, Any]) -> tuple[Any, Any]:
    """The box of the robot that the file describes, or D4RL's."""
    described = recorded_metadata(attributes).get("robot")
    if not isinstance(described, dict):
        return -1.0, 1.0
    try:
        robot = Robot.from_json(described)
    except InputError as error:
        raise DataError(f"robot: {error}") from error
    return robot.low, robot.high


def _minari_faults(folder: Path) -> Iterator[str]:
    metadata = read_metadata(folder)
    source = str(metadata.get("dataset_id") or folder.name)
    obs_space, action_space = read_spaces(source, metadata)
    low, high = getattr(action_space, "low", None), getattr(action_space, "high", None)
    if low is None:
        yield f"actions: expected a Box space, got {action_space}"
        return
    count = steps = 0
    for index, raw in enumerate(raw_episodes(folder, metadata)):
        count, steps = count + 1, steps + len(raw["rewards"])
        try:
            columns: dict[str, Any] = {
                "observations": flat_steps(obs_space, raw["observations"])[: len(raw["rewards"])],
                "actions": np.asarray(raw["actions"]),
                "rewards": np.asarray(raw["rewards"]),
            }
        except (DataError, KeyError, TypeError, ValueError) as error:
            yield f"episode {index}: {error}"
            continue
        ended = np.asarray(raw["terminations"]) | np.asarray(raw["truncations"])
        if len(ended) and not ended[-1]:
            yield f"episode {index}: expected an end at its last step, found none"
        if ended[:-1].any():
            yield f"episode {index}: an end at step {int(np.argmax(ended))}, before its last"
        yield from _episode_faults(index, columns, low, high)
    for name, found in (("total_episodes", count), ("total_steps", steps)):
        if metadata.get(name) != found:
            yield f"metadata.json: {name}: expected {found}, got {metadata.get(name)}"


def _episode_faults(
    index: int, columns: dict[str, np.ndarray], low: Any, high: Any
) -> Iterator[str]:
    for name, array in columns.items():
        rows = array.reshape(len(array), -1)
        finite = np.isfinite(rows)
        yield from column_fault(index, name, ~finite, "numbers that are not finite")
        if name == "actions":
            outside = finite & ((rows < np.ravel(low)) | (rows > np.ravel(high)))
            yield from column_fault(index, name, outside, "outside the action box")


def column_fault(index: int, name: str, bad: np.ndarray, what: str) -> Iterator[str]:
    """A sentence where entries of a column are `bad`, `(T, size)` bool."""
    steps = np.flatnonzero(bad.any(1))
    if len(steps):
        entry = int(np.argmax(bad[steps[0]]))
        yield (
            f"episode {index}: {name}: {what}, first at step {steps[0]}, entry {entry}; "
            f"{len(steps)} of {len(bad)} steps"
        )
