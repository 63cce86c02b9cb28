"""Finds faults of a LeRobotDataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.demonstrations.faults import column_fault
from mac_control.demonstrations.lerobot.meta import Choice, LeRobotMeta, read_meta
from mac_control.demonstrations.lerobot.read import raw_episodes
from mac_control.demonstrations.lerobot.robot import stored_range
from mac_control.demonstrations.lerobot.spec import episodes_of

# LeRobot's own tolerance on the time of a frame [s].
_TOLERANCE = 1e-4


def lerobot_faults(folder: Path) -> Iterator[str]:
    """A sentence per fault.

    Numbers that are not finite, counters that skip or repeat, times that are not multiples of the
    frame time, tasks without text, counts and statistics that differ from the data, and files
    that are listed nowhere.
    """
    meta = read_meta(Choice(folder))
    numbers = [n for n, f in meta.features.items() if f.get("dtype") not in ("video", "image")]
    numbers = [n for n in numbers if meta.features[n].get("dtype") != "string"]
    first, low, high = 0, np.inf, -np.inf
    for index, columns in raw_episodes(meta, numbers):
        for name, rows in columns.items():
            bad = ~np.isfinite(rows.astype(np.float64))
            yield from column_fault(index, name, bad, "numbers that are not finite")
        yield from _counter_faults(meta, index, columns, first)
        first += len(columns["episode_index"])
        actions = np.concatenate([columns[name] for name in meta.action], 1)
        low, high = np.fmin(low, actions.min(0)), np.fmax(high, actions.max(0))
    for key, found in (("total_episodes", len(meta.lengths)), ("total_frames", first)):
        if meta.info.get(key) != found:
            yield f"info.json: {key}: expected {found}, got {meta.info.get(key)}"
    stored = stored_range(meta)
    if stored is None:
        yield "stats: expected the range of each action dimension, found none"
    elif not all(np.allclose(a, b, 1e-4, 1e-5) for a, b in zip(stored, (low, high), strict=True)):
        yield "stats: the range of the actions is not that of the data"
    if meta.version == "v3.0":
        yield from _place_faults(meta)


def _counter_faults(
    meta: LeRobotMeta, index: int, columns: dict[str, np.ndarray], first: int
) -> Iterator[str]:
    steps = len(columns["episode_index"])
    expected: dict[str, Any] = {
        "frame_index": np.arange(steps),
        "index": first + np.arange(steps),
        "timestamp": np.arange(steps) / meta.fps,
    }
    for name, right in expected.items():
        if name in columns:
            off = np.abs(columns[name] - right[:, None]) > (name == "timestamp") * _TOLERANCE
            yield from column_fault(index, name, off, "not the number of the frame")
    for name, texts in (("task_index", meta.tasks), ("subtask_index", meta.subtasks)):
        if name in columns:
            unknown = (columns[name] < 0) | (columns[name] >= len(texts))
            yield from column_fault(
                index, name, unknown, f"none of the {len(texts)} that have text"
            )


def _place_faults(meta: LeRobotMeta) -> Iterator[str]:
    at = 0
    for row in episodes_of(meta.folder):
        ends = row.get("dataset_from_index"), row.get("dataset_to_index")
        if ends != (at, at + row["length"]):
            yield f"episode {row['episode_index']}: expected frames from {at}, got {ends}"
        at += row["length"]
    listed = set(meta.files)
    for path in sorted((meta.folder / "data").rglob("*.parquet")):
        if path not in listed:
            yield f"{path.relative_to(meta.folder)}: listed nowhere"
