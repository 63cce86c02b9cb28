"""Reads LeRobotDatasets, versions 2.0 to 3.0, without lerobot; videos are left out."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.checksums import folder_sha256
from mac_control.demonstrations.box import guessed
from mac_control.demonstrations.episode import Demonstrations, Episode
from mac_control.demonstrations.lerobot.meta import (
    TASK,
    Choice,
    LeRobotMeta,
    own_record,
    read_meta,
)
from mac_control.demonstrations.lerobot.parquet import slices
from mac_control.demonstrations.lerobot.robot import robot_of_data, stored_range
from mac_control.demonstrations.stored import is_large, store
from mac_control.errors import DataError, first_line
from mac_control.robot import Robot

#: Features that we write in addition to LeRobot's, and their names in `Episode`.
EXTRA = {
    "complementary_info.executed": "executed",
    "complementary_info.given": "given",
    "next.reward": "rewards",
    "complementary_info.failed": "failed",
}
#: Whether an operator gave any dimension, as in LeRobot's own corrections.
INTERVENTION = "complementary_info.is_intervention"
_told: set[Path] = set()


def read_lerobot(source: str | Path) -> Demonstrations:
    """Demonstrations in a LeRobotDataset.

    Observations are `observation.state` (with `observation.environment_state` where there is
    one), or the features that `source` chooses: `FOLDER:state=A,B:action=C`. Names of dimensions
    are kept, and determine the robot's groups. Where frames have several tasks, or subtasks, these
    become the episodes' subtasks. Large data are read a slice at a time; see `stored`.

    Raises:
        DataError: the data set is damaged or incomplete.
        InputError: a feature that it does not have, or pyarrow is missing.
    """
    choice = Choice.parse(source)
    meta = read_meta(choice)
    folder = choice.folder
    if meta.left_out and folder not in _told:
        _told.add(folder)
        print(
            f"{folder.name}: left out, as pictures are: {', '.join(meta.left_out)}", file=sys.stderr
        )
    digest = folder_sha256(folder, ["meta", "data"])  # not the videos
    own = own_record(folder)
    provenance: dict[str, Any] = {
        "source": folder.name,
        "sha256": digest,
        "format": f"lerobot-{meta.version}",
        "robot_type": meta.info.get("robot_type"),
        "lerobot_tasks": list(meta.tasks),
        "fps": meta.fps,
        "features": {"state": list(meta.state), "action": list(meta.action)},
    }
    for key in ("env", "origin"):
        if isinstance(own.get(key), dict):
            provenance[key] = own[key]
    described, plain = own.get("robot"), meta.action == ("action",) and not choice.state
    robot: Robot | None = None
    if own and plain:  # our own data set keeps an unknown robot unknown
        robot = Robot.from_json(described) if isinstance(described, dict) else None
        provenance |= guessed(own.get("origin"), robot)
    else:
        found = stored_range(meta)
        robot, percent = robot_of_data(meta, *(action_range(meta) if found is None else found))
        # A guess, which yields to another set that knows the robot's box.
        provenance["box"] = "percent" if percent else "data"
    row = meta.size(meta.state) + 3 * meta.size(meta.action) + 2
    key = json.dumps([digest, meta.state, meta.action])
    large = is_large(4 * row * int(meta.lengths.sum()))
    key = hashlib.sha256(key.encode()).hexdigest()[:32]
    episodes = store(key, read_episodes(meta)) if large else tuple(read_episodes(meta))
    return Demonstrations(episodes, tuple(own.get("tasks") or ()), provenance, robot)


def read_episodes(meta: LeRobotMeta) -> Iterator[Episode]:
    """The episodes one by one, with only a slice of the files in memory.

    Raises:
        DataError: as `read_lerobot`.
    """
    named = "subtask_index" if meta.subtasks else "task_index"
    texts = np.array(meta.subtasks or meta.tasks)
    own = own_record(meta.folder)
    tell = (own.get("subtasks") or len(texts) > 1) and named in meta.features
    if "subtasks" in own:
        texts[texts == TASK] = ""  # of frames without a subtask
    extra = {name: key for name, key in EXTRA.items() if name in meta.features}
    names = [*meta.state, *meta.action, *extra, *([named] if tell else [])]
    for index, columns in raw_episodes(meta, names):
        try:
            parts: dict[str, Any] = {key: columns[name] for name, key in extra.items()}
            if "rewards" in parts:
                parts["rewards"] = parts["rewards"][:, 0]
            if "failed" in parts:
                parts["failed"] = bool(parts["failed"].any())
            if tell:
                codes = columns[named][:, 0].astype(int)
                if codes.min() < 0 or codes.max() >= len(texts):
                    raise DataError(f"{named}: expected 0 to {len(texts) - 1}, got {codes.max()}")
                parts["subtasks"] = texts[codes]
            seen = np.concatenate([columns[name] for name in meta.state], 1, dtype=np.float32)
            done = np.concatenate([columns[name] for name in meta.action], 1, dtype=np.float32)
            yield Episode(seen, done, **parts)
        except (DataError, ValueError) as error:
            raise DataError(f"{meta.folder}: episode {index}: {first_line(error)}") from error


def raw_episodes(
    meta: LeRobotMeta, names: list[str]
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Index and columns `(T, size)` of each episode, in order.

    Raises:
        DataError: damaged files, or episodes whose lengths differ from the metadata.
    """
    count = 0
    for index, columns in _runs(meta, list(dict.fromkeys([*names, "episode_index"]))):
        length = len(next(iter(columns.values())))
        wanted = int(meta.lengths[count]) if count < len(meta.lengths) else 0
        if index != count or length != wanted:
            raise DataError(
                f"{meta.folder}: expected episode {count} of {wanted} frames, "
                f"got episode {index} of {length}"
            )
        yield index, columns
        count += 1
    if count < len(meta.lengths):
        raise DataError(f"{meta.folder}: expected {len(meta.lengths)} episodes, got {count}")


def action_range(meta: LeRobotMeta) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest action of each dimension, `(D,)`, computed from the data."""
    low, high = np.inf, -np.inf
    for path in meta.files:
        for part in slices(path, meta.action):
            rows = np.concatenate([part[name] for name in meta.action], 1, dtype=np.float64)
            low = np.fmin(low, np.nanmin(rows, 0, initial=np.inf))
            high = np.fmax(high, np.nanmax(rows, 0, initial=-np.inf))
    ends = np.asarray(low), np.asarray(high)
    if not all(np.isfinite(end).all() for end in ends):
        raise DataError(f"{meta.folder}: action: expected finite numbers, got one that is not")
    return ends


def _runs(meta: LeRobotMeta, names: list[str]) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Runs of frames with the same `episode_index`, joined across slices."""
    parts: list[dict[str, np.ndarray]] = []
    current = -1
    for path in meta.files:
        for part in slices(path, names):
            numbers = part["episode_index"][:, 0].astype(int)
            cuts = np.flatnonzero(np.diff(numbers)) + 1
            for start, end in zip([0, *cuts], [*cuts, len(numbers)], strict=True):
                if end == start:
                    continue
                if parts and numbers[start] != current:
                    yield current, _joined(parts)
                    parts = []
                current = int(numbers[start])
                parts.append({name: array[start:end] for name, array in part.items()})
    if parts:
        yield current, _joined(parts)


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
