"""Reads the D4RL layout: one long array per quantity, cut into episodes at their ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.checksums import sha256
from mac_control.demonstrations.box import guessed
from mac_control.demonstrations.episode import Demonstrations, Episode
from mac_control.demonstrations.hdf5 import open_arrays
from mac_control.demonstrations.stored import is_large, store
from mac_control.errors import DataError, first_line
from mac_control.robot import Robot

_NEEDED = ("observations", "actions")
_ENDS = ("terminals", "timeouts")
_OPTIONAL = ("rewards", "executed", "subtasks", "given", "failed")
#: The columns that are read; everything else in a file is ignored.
COLUMNS = (*_NEEDED, *_ENDS, *_OPTIONAL)
_BLOCK = 1 << 16  # steps checked at a time


def read_d4rl(path: str | Path, obs: str = "positions") -> Demonstrations:
    """Demonstrations in an HDF5 file of D4RL's layout.

    Needs `observations` `(N, O)`, `actions` `(N, D)` and `terminals` or `timeouts` `(N,)`;
    reads `rewards`, and our own `executed`, `subtasks`, `given` and `failed`, where present.
    Large files are read an episode at a time; see `stored`.

    Raises:
        DataError: no such file, not HDF5, damaged, or not of this layout.
    """
    from mac_control.envs.kitchen import data as kitchen

    path = Path(path)
    with open_arrays(path, COLUMNS) as (arrays, attributes):
        digest = sha256(path)
        provenance = {"source": path.name, "sha256": digest, "format": "d4rl-hdf5"}
        collect: Callable[[Iterable[Episode]], Sequence[Episode]] = tuple
        if is_large(sum(4 * array.size for array in arrays.values())):
            known = kitchen.kitchen_name(path.name) or ""  # decides which entries are kept
            collect = partial(store, "-".join(filter(None, (digest[:32], obs, known))))
        else:
            arrays = {name: np.asarray(array[()]) for name, array in arrays.items()}
        return from_arrays(arrays, provenance, obs, attributes, collect)


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
    """Demonstrations that the package `d4rl` (extra `[d4rl]`) fetches for one of its data sets.

    Raises:
        DataError: `d4rl` is not installed, or cannot make or fetch this data set.
    """
    from mac_control.envs.kitchen import data as kitchen

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
    tasks = read.tasks or kitchen.kitchen_tasks(kitchen.kitchen_name(name))
    named = replace(read, tasks=tasks, provenance=read.provenance | {"source": f"d4rl:{name}"})
    return kitchen.as_kitchen(named, kitchen.D4RL_NOISE) if tasks else named


def episode_slices(ends: np.ndarray) -> list[slice]:
    """Episodes as slices, from a boolean `(N,)` that is True at each last step.

    Steps after the last end form an episode too.

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
    collect: Callable[[Iterable[Episode]], Sequence[Episode]] = tuple,
) -> Demonstrations:
    """Demonstrations from D4RL's arrays, `(N, ...)` each, or objects sliced like arrays.

    Raises:
        DataError: a key is missing, or a shape, a type or a number is wrong.
    """
    from mac_control.envs.kitchen import data as kitchen

    source = provenance["source"]
    ends = _checked(source, arrays)
    observations, actions = arrays["observations"], arrays["actions"]
    recorded = recorded_metadata(attributes or {})
    tasks = tuple(recorded.get("tasks", ()))
    if actions.shape[1] == kitchen.N_ACTIONS and not tasks:
        named = kitchen.kitchen_tasks(kitchen.kitchen_name(source))
        tasks = _goal_tasks(observations) or named
    own = recorded.get("robot")
    is_kitchen = kitchen.may_be_kitchen(own) and kitchen.are_subtasks(tasks)

    def episodes() -> Iterator[Episode]:
        for index, steps in enumerate(episode_slices(ends)):
            seen = observations[steps]
            if is_kitchen:
                seen = kitchen.select_entries(source, seen, actions.shape[1], obs)
            columns = {name: arrays[name][steps] for name in _OPTIONAL if name in arrays}
            if "failed" in columns:
                columns["failed"] = bool(np.any(columns["failed"]))
            try:
                yield Episode(seen, actions[steps], **columns)
            except DataError as error:
                raise DataError(f"{source}: episode {index}: {error}") from error

    if "provenance" in recorded:
        provenance = provenance | {"origin": recorded["provenance"]}
    if isinstance(recorded.get("env"), dict):
        provenance = provenance | {"env": recorded["env"]}
    robot = Robot.from_json(own) if isinstance(own, dict) and not is_kitchen else None
    provenance |= guessed(provenance.get("origin"), robot)
    found = Demonstrations(collect(episodes()), tasks, provenance | {"tasks": list(tasks)}, robot)
    return kitchen.as_kitchen(found, kitchen.D4RL_NOISE) if is_kitchen else found


def _goal_tasks(observations: Any) -> tuple[str, ...]:
    """Subtasks named by the goal entries, if those are constant; read in slices."""
    from mac_control.envs.kitchen import data as kitchen

    found: tuple[str, ...] = ()
    for start in range(0, len(observations), _BLOCK):
        block = observations[start : start + _BLOCK]
        found = kitchen.goal_tasks(np.concatenate([observations[:1], block]))
        if not found:
            break
    return found


def recorded_metadata(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that we wrote (tasks, provenance and more); empty for other files."""
    try:
        value = json.loads(attributes["mac_control"])
        tasks = value.get("tasks", [])
        if isinstance(tasks, list) and all(isinstance(task, str) for task in tasks):
            return value
    except (KeyError, ValueError, TypeError, AttributeError):
        pass
    return {}


def _checked(source: str, arrays: dict[str, Any]) -> np.ndarray:
    """Whether an episode ends at each step, `(N,)`, after checks of keys, shapes and types."""
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
        ndim = 2 if name in ("observations", "actions", "executed", "given") else 1
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
            for start in range(0, len(array), _BLOCK):
                block = np.asarray(array[start : start + _BLOCK])
                if not np.isin(block, (0, 1)).all():
                    raise DataError(f"{source}: {name}: expected 0 or 1, got other numbers")
                ends[start : start + _BLOCK] |= block.astype(bool)
    return ends
