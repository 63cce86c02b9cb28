"""Converts D4RL's HDF5 layout to Minari and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from gymnasium.spaces import Box

from mac_control.checksums import sha256
from mac_control.demonstrations.d4rl import COLUMNS, episode_slices, from_arrays, recorded_metadata
from mac_control.demonstrations.hdf5 import read_arrays
from mac_control.demonstrations.minari_read import (
    main_part,
    raw_episodes,
    read_metadata,
    read_minari,
    read_spaces,
)
from mac_control.demonstrations.minari_write import write_minari
from mac_control.disk import expect_room
from mac_control.errors import DataError
from mac_control.files import atomic_path
from mac_control.layout import flat_steps

#: Default of each of our columns in an episode that lacks it.
_USUAL: dict[str, Callable[[dict[str, np.ndarray]], np.ndarray]] = {
    "executed": lambda row: row["actions"],
    "given": lambda row: np.ones(row["actions"].shape, bool),
    "failed": lambda row: np.zeros(len(row["actions"]), bool),
    "subtasks": lambda row: np.full(len(row["actions"]), "", object),
}

#: Columns that Minari has a place for; the others become infos.
_COLUMNS = ("observations", "actions", "rewards", "terminals", "timeouts")


def hdf5_to_minari(path: Path, target: str | Path) -> Path:
    """Write every array of a D4RL file as a Minari data set; returns its folder.

    Observations stay whole (a kitchen's with their 30 goal entries). Arrays of one row per step
    that Minari has no place for become infos. The metadata record the columns' types and shapes,
    so that `minari_to_hdf5` writes the same arrays again.

    Raises:
        DataError: the file is damaged, or not of D4RL's layout.
        InputError: the target exists.
    """
    arrays, attributes = read_arrays(path)
    provenance = {"source": path.name, "sha256": sha256(path), "format": "d4rl-hdf5"}
    known = {name: arrays[name] for name in COLUMNS if name in arrays}
    tasks = from_arrays(known, provenance, attributes=attributes).tasks  # checks it all
    recorded = recorded_metadata(attributes)
    steps = len(arrays["actions"])
    odd = sorted(name for name, array in arrays.items() if array.shape[:1] != (steps,))
    if odd:
        raise DataError(f"{path}: expected arrays of {steps} steps, got others: {', '.join(odd)}")
    layout = {name: [str(a.dtype), list(a.shape[1:])] for name, a in arrays.items()}
    if "provenance" in recorded:
        provenance["origin"] = recorded["provenance"]
    about = {"tasks": list(tasks), "provenance": provenance, "d4rl": layout}
    about |= {name: recorded[name] for name in ("robot", "env") if name in recorded}
    metadata = {"mac_control": about}
    observations, actions = arrays["observations"], arrays["actions"]
    bound = 1.0 if np.abs(actions).max() <= 1 else np.inf
    return write_minari(
        target,
        _buffers(arrays),
        Box(-np.inf, np.inf, observations.shape[1:], observations.dtype.type),
        Box(-bound, bound, actions.shape[1:], actions.dtype.type),
        metadata=metadata,
    )


def minari_to_hdf5(folder: Path, path: str | Path) -> Path:
    """Write a Minari data set as an HDF5 file of D4RL's layout; returns its path.

    A data set from `hdf5_to_minari` gives the arrays that it was made from, bit for bit. Any other
    gives, in its own types: observations (flattened; of a kitchen's, the part `observation`),
    actions, rewards, ends, `next_observations`, and as `infos/NAME` the other parts of a kitchen's
    observation and every info that all episodes have. The row of goals and infos after the last
    action is dropped.

    Raises:
        DataError: the data set is damaged, or its action space is not a Box.
    """
    recorded = read_metadata(folder).get("mac_control")
    layout = recorded.get("d4rl") if isinstance(recorded, dict) else None
    if isinstance(layout, dict):
        about, arrays = recorded, _original(folder, layout)
    else:
        found = read_minari(folder)  # checks it all
        arrays = _columns(folder, bool(found.tasks), recorded is not None)
        about = {"tasks": list(found.tasks), "provenance": found.provenance}
        about["env"] = found.provenance.get("env")
        about["robot"] = None if found.robot is None else found.robot.to_json()
    path = Path(path)
    with atomic_path(path) as temporary:
        expect_room(path.parent, sum(array.nbytes + 64 * 1024 for array in arrays.values()))
        with h5py.File(temporary, "w") as file:
            for name, array in arrays.items():
                text = array.dtype.kind in "UO"
                file.create_dataset(
                    name,
                    data=array.astype(object) if text else array,
                    dtype=h5py.string_dtype() if text else None,
                    compression="gzip",
                )
            kept = {name: about.get(name) for name in ("tasks", "provenance", "robot", "env")}
            file.attrs["mac_control"] = json.dumps({k: v for k, v in kept.items() if v is not None})
    return path


def _buffers(arrays: dict[str, np.ndarray]) -> Iterator[Any]:
    from minari.data_collector.episode_buffer import EpisodeBuffer

    steps = len(arrays["actions"])
    flags = {
        name: arrays[name].reshape(steps).astype(bool) if name in arrays else np.zeros(steps, bool)
        for name in ("terminals", "timeouts")
    }
    for rows in episode_slices(flags["terminals"] | flags["timeouts"]):
        observations = arrays["observations"][rows]
        infos: dict[str, Any] = {}
        for name, array in arrays.items():
            if name not in _COLUMNS:
                values = array[rows]
                infos[_escaped(name)] = values.tolist() if values.dtype.kind in "UO" else values
        rewards = arrays.get("rewards")
        yield EpisodeBuffer(
            observations=np.concatenate([observations, observations[-1:]]),
            actions=arrays["actions"][rows],
            rewards=np.zeros(len(observations)) if rewards is None else rewards[rows],
            terminations=flags["terminals"][rows],
            truncations=flags["timeouts"][rows],
            infos=infos or None,
        )


def _original(folder: Path, layout: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays that a converted data set was made from."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in layout}
    for raw in raw_episodes(folder, read_metadata(folder)):
        steps = len(raw["rewards"])
        known = {
            "observations": raw["observations"][:steps],
            "actions": raw["actions"],
            "rewards": raw["rewards"],
            "terminals": raw["terminations"],
            "timeouts": raw["truncations"],
        }
        for name in layout:
            value = known.get(name)
            parts[name].append(np.asarray(raw["infos"][_escaped(name)] if value is None else value))
    arrays = {}
    for name, (dtype, shape) in layout.items():
        whole = np.concatenate(parts[name])
        if dtype == "object" or dtype.startswith("<U"):
            arrays[name] = _text(whole)
        else:
            arrays[name] = whole.astype(dtype).reshape(len(whole), *shape)
    return arrays


def _columns(folder: Path, kitchen: bool, ours: bool) -> dict[str, np.ndarray]:
    """D4RL's columns of a Minari data set."""
    metadata = read_metadata(folder)
    space, action_space = read_spaces(folder.name, metadata)
    rows: list[dict[str, np.ndarray]] = []
    for raw in raw_episodes(folder, metadata):
        steps = len(raw["rewards"])
        main_space, main = main_part(space, raw["observations"], kitchen)
        observations = flat_steps(main_space, main)
        row = {
            "observations": observations[:steps],
            "actions": flat_steps(action_space, raw["actions"]),
            "rewards": raw["rewards"],
            "terminals": np.asarray(raw["terminations"], bool),
            "timeouts": np.array(raw["truncations"], bool),
        }
        row["timeouts"][-1] |= not row["terminals"][-1]  # this layout has no other boundary
        if len(observations) == steps + 1 and not ours:  # ours only repeats the last one
            row["next_observations"] = observations[1:]
        if main_space is not space:
            for name in set(space.spaces) - {"observation"}:
                part = flat_steps(space[name], raw["observations"][name])
                row[f"infos/{name}"] = part[:steps]
        for name, value in _leaves(raw["infos"] or {}):
            array = np.asarray(value)
            if array.shape[:1] in ((steps,), (steps + 1,)) and array.dtype.kind in "fiubO":
                row[name if name in COLUMNS and ours else f"infos/{name}"] = array[:steps]
        rows.append(row)
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        usual = _USUAL.get(name) if ours else None
        if usual is not None or all(name in row for row in rows):
            parts = [row[name] if name in row else usual(row) for row in rows]
            columns[name] = np.concatenate(parts)
    return {n: _text(a) if a.dtype.kind == "O" else a for n, a in columns.items()}


def _leaves(infos: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in infos.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


def _text(array: np.ndarray) -> np.ndarray:
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in array], dtype=object)


def _escaped(name: str) -> str:
    """The name of an info without `/`, which Minari would turn into a group."""
    return name.replace("/", "__")
