"""Reads the D4RL layout: one long array per quantity, cut into episodes at their ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mac_control.demonstrations.episode import Demonstrations, Episode
from mac_control.demonstrations.recognise import (
    KITCHEN_WORD,
    N_ACTIONS,
    goal_tasks,
    kitchen_entries,
    kitchen_name,
    kitchen_tasks,
)
from mac_control.errors import DataError
from mac_control.files import sha256

_NEEDED = ("observations", "actions")
_ENDS = ("terminals", "timeouts")
_OPTIONAL = ("rewards", "executed", "subtasks")
#: What is read of a file; whatever else it holds is left alone.
COLUMNS = (*_NEEDED, *_ENDS, *_OPTIONAL)
# A file that claims more than this many times its size is damaged: gzip reaches 1032.
_LARGEST_RATIO = 4096


def read_d4rl(path: str | Path, obs: str = "positions") -> Demonstrations:
    """Demonstrations in an HDF5 file of D4RL's layout.

    Needs `observations` `(N, O)`, `actions` `(N, D)` and `terminals` or `timeouts` `(N,)`;
    takes `rewards`, and our own `executed` and `subtasks`, where it has them.

    Raises:
        DataError: no such file, not HDF5, damaged, or not of this layout.
    """
    path = Path(path)
    arrays, attributes = read_arrays(path, COLUMNS)
    provenance = {"source": path.name, "sha256": sha256(path), "format": "d4rl-hdf5"}
    return from_arrays(arrays, provenance, obs, attributes)


def read_d4rl_dict(data: Mapping[str, Any], obs: str = "positions") -> Demonstrations:
    """Demonstrations in a dictionary such as D4RL's `env.get_dataset()` returns.

    Raises:
        DataError: not of this layout.
    """
    arrays = {}
    for name in COLUMNS:
        if data.get(name) is not None:
            try:
                arrays[name] = np.asarray(data[name])
            except ValueError as error:
                raise DataError(
                    f"dictionary: {name}: expected an array, got rows of different lengths"
                ) from error
    read = from_arrays(arrays, {"source": "dictionary", "format": "d4rl-dict"}, obs)
    digest = hashlib.sha256()
    for array in (read.observations, read.actions):
        digest.update(array.data)
    read.provenance["sha256"] = digest.hexdigest()
    return read


def read_d4rl_env(name: str, obs: str = "positions") -> Demonstrations:
    """Demonstrations that the package `d4rl` (extra `[d4rl]`) fetches for one of its names.

    Raises:
        DataError: `d4rl` is not installed, or cannot make or fetch this data set.
    """
    try:
        import d4rl  # noqa: F401 - registers its environments
        import gym
    except ImportError as error:
        raise DataError(
            f"d4rl:{name}: expected the package d4rl, which is not installed ({error}); "
            "pip install 'mac-control[d4rl]', or give the HDF5 file itself"
        ) from error
    try:
        data = gym.make(name).get_dataset()
    except Exception as error:
        raise DataError(f"d4rl:{name}: d4rl could not load it ({first_line(error)})") from error
    read = read_d4rl_dict(data, obs)
    tasks = read.tasks or kitchen_tasks(kitchen_name(name))
    return Demonstrations(read.episodes, tasks, read.provenance | {"source": f"d4rl:{name}"})


def read_arrays(
    path: Path, names: tuple[str, ...] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays of an HDF5 file (all, or those named), by path in the file, and its attributes.

    Raises:
        DataError: no such file, not HDF5, or damaged.
    """
    check_hdf5(path)
    size = path.stat().st_size
    try:
        with h5py.File(path, "r") as file:
            found = [n for n in names if n in file] if names is not None else _all_names(file)
            arrays = {name: _array(path, file, name, size) for name in found}
            attributes = {name: file.attrs[name] for name in file.attrs}
    except DataError:
        raise
    except Exception as error:  # a damaged file raises nearly anything
        raise DataError(
            f"{path}: expected a whole HDF5 file, got a damaged one ({first_line(error)})"
        ) from error
    return arrays, attributes


def check_hdf5(path: Path) -> None:
    """Raise a DataError that says what the file is where it is not HDF5."""
    if not path.is_file():
        raise DataError(f"{path}: expected an HDF5 file, found no such file")
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except OSError as error:
        raise DataError(f"{path}: expected a file to read, got {first_line(error)}") from error
    if start.startswith(b"version https://git-lfs"):
        raise DataError(
            f"{path}: expected an HDF5 file, got a Git LFS pointer; 'git lfs pull' fetches the file"
        )
    if not start:
        raise DataError(f"{path}: expected an HDF5 file, got an empty file")
    if not h5py.is_hdf5(path):
        raise DataError(f"{path}: expected an HDF5 file, got one that begins with {start[:16]!r}")


def episode_slices(ends: np.ndarray) -> list[slice]:
    """Episodes as slices, given a boolean `(N,)` that is True at each last step.

    What follows the last end is an episode too.

    Example:
        >>> episode_slices(np.array([False, True, False]))
        [slice(0, 2, None), slice(2, 3, None)]
    """
    stops = (np.flatnonzero(ends) + 1).tolist()
    if not stops or stops[-1] != len(ends):
        stops.append(len(ends))
    return [slice(a, b) for a, b in zip([0, *stops], stops, strict=False)]


def from_arrays(
    arrays: dict[str, np.ndarray],
    provenance: dict[str, Any],
    obs: str = "positions",
    attributes: Mapping[str, Any] | None = None,
) -> Demonstrations:
    """Demonstrations from D4RL's arrays, `(N, ...)` each.

    Raises:
        DataError: a key is missing, or a shape, a type or a number is wrong.
    """
    source = provenance["source"]
    ends = _checked(source, arrays)
    observations, actions = arrays["observations"], arrays["actions"]
    recorded = recorded_metadata(attributes or {})
    tasks = tuple(recorded.get("tasks", ()))
    if actions.shape[1] == N_ACTIONS:
        tasks = tasks or goal_tasks(observations) or kitchen_tasks(kitchen_name(source))
        if tasks or KITCHEN_WORD in source.lower():
            observations = select_entries(source, observations, N_ACTIONS, obs)
    episodes = []
    for index, steps in enumerate(episode_slices(ends)):
        columns = {name: arrays[name][steps] for name in _OPTIONAL if name in arrays}
        try:
            episodes.append(Episode(observations[steps], actions[steps], **columns))
        except DataError as error:
            raise DataError(f"{source}: episode {index}: {error}") from error
    if "provenance" in recorded:
        provenance = provenance | {"origin": recorded["provenance"]}
    return Demonstrations(episodes, tasks, provenance | {"tasks": list(tasks)})


def select_entries(source: str, observations: np.ndarray, actions: int, obs: str) -> np.ndarray:
    """Kitchen observations as `obs` says; those of anything else as they are.

    Raises:
        DataError: velocities are asked for that are not recorded.
    """
    width = observations.shape[1]
    entries = kitchen_entries(width, actions, obs)
    if entries is not None:
        return observations[:, entries]
    if kitchen_entries(width, actions, "positions") is not None:
        raise DataError(
            f"{source}: expected 59 observation entries for obs='full', "
            f"got {width}, without velocities"
        )
    return observations


def recorded_metadata(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What we wrote beside the data: tasks and provenance; empty for others' files."""
    try:
        value = json.loads(attributes["mac_control"])
        tasks = value.get("tasks", [])
        if isinstance(tasks, list) and all(isinstance(task, str) for task in tasks):
            return value
    except (KeyError, ValueError, TypeError, AttributeError):
        pass
    return {}


def _all_names(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(
        lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
    )
    return names


def _array(path: Path, file: h5py.File, name: str, size: int) -> np.ndarray:
    # An HDF5 file may point into other files; what it says about itself must be in it.
    own = isinstance(file.get(name, getlink=True), h5py.HardLink)
    item = file[name] if own else None
    if not isinstance(item, h5py.Dataset) or item.is_virtual or item.external:
        raise DataError(f"{path}: {name}: expected an array in this file, got something else")
    text = h5py.check_string_dtype(item.dtype) is not None
    if item.dtype.kind not in "fiub" and not text:
        raise DataError(f"{path}: {name}: expected numbers, got type {item.dtype}")
    if item.nbytes > _LARGEST_RATIO * size:
        raise DataError(
            f"{path}: {name}: expected what a file of {size} bytes can hold, got shape {item.shape}"
        )
    return np.asarray(item.asstr()[()] if text else item[()])


def _checked(source: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Where episodes end, `(N,)`, after checks of keys, shapes and types."""
    missing = [name for name in _NEEDED if name not in arrays]
    if not any(name in arrays for name in _ENDS):
        missing.append("terminals")
    if missing:
        raise DataError(
            f"{source}: expected observations, actions and terminals (or timeouts), "
            f"got no {' and no '.join(missing)}"
        )
    steps = arrays["observations"].shape[:1]
    ends = np.zeros(steps, bool)
    for name, array in arrays.items():
        ndim = 2 if name in ("observations", "actions", "executed") else 1
        if name in _ENDS and array.shape == (*steps, 1):
            arrays[name] = array = array[:, 0]
        if array.ndim != ndim or array.shape[:1] != steps or array.size == 0:
            expected = "(N, size)" if ndim == 2 else "(N,)"
            raise DataError(
                f"{source}: {name}: expected shape {expected} with N = "
                f"{steps[0] if steps else 'its steps'} > 0, got {array.shape}"
            )
        kinds, words = ("UO", "text") if name == "subtasks" else ("fiub", "numbers")
        if array.dtype.kind not in kinds:
            raise DataError(f"{source}: {name}: expected {words}, got type {array.dtype}")
        if name in _ENDS:
            if not np.isin(array, (0, 1)).all():
                raise DataError(f"{source}: {name}: expected 0 or 1, got other numbers")
            ends |= array.astype(bool)
    return ends


def first_line(error: BaseException) -> str:
    """The first line of an error, for a sentence."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
