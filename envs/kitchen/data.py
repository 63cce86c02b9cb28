"""Recognises kitchen data sets, by metadata or contents, and selects their observations."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.envs.registration import EnvSpec

from mac_control.envs.kitchen import KITCHEN_ID
from mac_control.envs.kitchen.robot import (
    KITCHEN_TASKS,
    N_FULL,
    N_POSITIONS,
    OBS,
    POSITIONS,
    ROBOT,
    ROBOT_JOINTS,
    ROBOTS,
    SUBTASKS,
    checked_tasks,
    kitchen_robot,
)
from mac_control.errors import DataError

if TYPE_CHECKING:
    from mac_control.demonstrations.episode import Demonstrations

#: Name in D4RL -> name of its file.
D4RL_FILES = {
    "kitchen-complete-v0": "mini_kitchen_microwave_kettle_light_slider-v0.hdf5",
    "kitchen-partial-v0": "kitchen_microwave_kettle_light_slider-v0.hdf5",
    "kitchen-mixed-v0": "kitchen_microwave_kettle_bottomburner_light-v0.hdf5",
}
D4RL_URL = "http://rail.eecs.berkeley.edu/datasets/offline_rl/kitchen/"

N_ACTIONS = ROBOT_JOINTS
#: Noise on observed robot joints in D4RL's files, and in FrankaKitchen data that do not state it.
D4RL_NOISE, FRANKA_NOISE = 0.1, 0.01

# Object positions of each subtask among the 30; D4RL appends 30 goal entries, 0 where there is
# no goal, so the file itself shows which subtasks it is scored on.
GOAL_ENTRIES = {
    "bottom burner": slice(11, 13),
    "top burner": slice(15, 17),
    "light switch": slice(17, 19),
    "slide cabinet": slice(19, 20),
    "hinge cabinet": slice(20, 22),
    "microwave": slice(22, 23),
    "kettle": slice(23, 30),
}


def kitchen_name(source: str) -> str | None:
    """`complete`, `partial` or `mixed` where a file name or data set id says so.

    Example:
        >>> kitchen_name("kitchen_microwave_kettle_bottomburner_light-v0.hdf5")
        'mixed'
        >>> kitchen_name("D4RL/kitchen/partial-v2")
        'partial'
        >>> kitchen_name("hopper-medium-v2") is None
        True
    """
    for name, file in D4RL_FILES.items():
        if file.removesuffix(".hdf5") in source:  # complete first: its name holds partial's
            return name.split("-")[1]
    found = re.search(r"(?:^|/)kitchen[-_/](complete|partial|mixed)(?:-v\d+)?(?:\.hdf5)?$", source)
    return found.group(1) if found else None


def as_kitchen(demonstrations: Demonstrations, noise: float | None) -> Demonstrations:
    """The demonstrations with the kitchen's robot and the environment they were recorded in.

    `noise` is the environment's `robot_noise_ratio`; None where unknown.
    """
    sizes = demonstrations.obs_dim, demonstrations.action_dim
    if sizes[0] not in OBS or sizes[1] != N_ACTIONS:
        return demonstrations
    options: dict[str, Any] = {"obs": OBS[sizes[0]]}
    if demonstrations.tasks:
        options["tasks"] = list(demonstrations.tasks)
    if noise is not None:
        options["robot_noise_ratio"] = noise
    recorded = (demonstrations.provenance.get("env") or {}).get("options") or {}
    env = {"id": "kitchen", "options": {**options, **recorded, "obs": options["obs"]}}
    provenance = {**demonstrations.provenance, "env": env}
    return replace(demonstrations, robot=kitchen_robot(sizes[0]), provenance=provenance)


def may_be_kitchen(robot: Any) -> bool:
    """Whether the robot that data describe is the kitchen's, or data describe none."""
    return robot is None or (isinstance(robot, dict) and robot.get("name") == ROBOT)


def are_subtasks(tasks: Sequence[str]) -> bool:
    """Whether these are subtasks of the kitchen; False for none."""
    return bool(tasks) and set(tasks) <= set(SUBTASKS)


def describe_version_1(record: dict[str, Any]) -> dict[str, Any]:
    """A version 1 checkpoint's record with the robot and environment, if it is a kitchen's."""
    obs, tasks = OBS.get(record.get("obs_dim", 0)), (record.get("data") or {}).get("tasks")
    if obs is None or record.get("action_dim") != N_ACTIONS or not (tasks or _tracks(record)):
        return record
    options = {"obs": obs, **({"tasks": tasks} if tasks else {})}
    data = {**(record.get("data") or {}), "env": {"id": "kitchen", "options": options}}
    return {**record, "robot": ROBOTS[obs].to_json(), "data": data}


def _tracks(record: Mapping[str, Any]) -> bool:
    return record.get("kind") == "retrieval"  # it tracked the kitchen's arm


def spec_of(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """The recorded environment of a Minari data set where it is a kitchen; else None."""
    try:
        spec = json.loads(metadata["env_spec"])
        known = spec["id"].startswith("FrankaKitchen-") or spec["id"] == KITCHEN_ID
        return spec if known else None
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def kitchen_spec(demonstrations: Demonstrations) -> EnvSpec | None:
    """Gymnasium's spec of the kitchen that demonstrations were made in; None for others."""
    record = demonstrations.provenance.get("env")
    if not isinstance(record, dict) or record.get("id") != "kitchen" or not demonstrations.tasks:
        return None
    options = {**record.get("options", {}), "tasks": list(demonstrations.tasks)}
    return EnvSpec(KITCHEN_ID, "mac_control.envs.kitchen:KitchenEnv", kwargs=options)


def is_kitchen(metadata: Mapping[str, Any]) -> bool:
    """Whether a Minari data set was recorded in FrankaKitchen, by its metadata or its id."""
    return (
        spec_of(metadata) is not None or kitchen_name(str(metadata.get("dataset_id"))) is not None
    )


def recorded_tasks(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Subtasks that the recorded kitchen was to do."""
    kwargs = (spec_of(metadata) or {}).get("kwargs") or {}
    tasks = kwargs.get("tasks_to_complete") or kwargs.get("tasks") or ()
    return checked_tasks(tasks) if tasks and set(tasks) <= {*SUBTASKS, *KITCHEN_TASKS} else ()


def recorded_noise(metadata: Mapping[str, Any]) -> float | None:
    """Noise on observed robot joints in the recorded kitchen; None where unknown."""
    spec = spec_of(metadata)
    if spec is None:
        return None
    default = D4RL_NOISE if spec["id"] == KITCHEN_ID else FRANKA_NOISE
    noise = (spec.get("kwargs") or {}).get("robot_noise_ratio", default)
    return float(noise) if isinstance(noise, (int, float)) else None


def select_entries(source: str, observations: np.ndarray, actions: int, obs: str) -> np.ndarray:
    """Kitchen observations as `obs` says; those of anything else as they are.

    Raises:
        DataError: velocities are requested that were not recorded.
    """
    width = observations.shape[1]
    if obs == "recorded":
        obs = "full" if width == N_FULL else "positions"
    entries = kitchen_entries(width, actions, obs)
    if entries is not None:
        return observations[:, entries]
    if kitchen_entries(width, actions, "positions") is not None:
        raise DataError(
            f"{source}: expected {N_FULL} observation entries for obs='full', "
            f"got {width}, without velocities"
        )
    return observations


def kitchen_tasks(name: str | None) -> tuple[str, ...]:
    """Subtasks of the D4RL data set of that name; empty for None."""
    return KITCHEN_TASKS[name] if name else ()


def goal_tasks(observations: np.ndarray) -> tuple[str, ...]:
    """Subtasks that D4RL's goal entries name, `(T, 60)`; empty where there are no goal entries."""
    if observations.shape[1] != 2 * N_POSITIONS:
        return ()
    goals = observations[:, N_POSITIONS:]
    if not (goals == goals[0]).all():
        return ()
    used = {task for task, entries in GOAL_ENTRIES.items() if goals[0, entries].any()}
    named = np.zeros(N_POSITIONS, bool)
    for task in used:
        named[GOAL_ENTRIES[task]] = True
    if goals[0, ~named].any():
        return ()
    for tasks in KITCHEN_TASKS.values():  # in the customary order
        if set(tasks) == used:
            return tasks
    return tuple(task for task in SUBTASKS if task in used)


def kitchen_entries(obs_dim: int, action_dim: int, obs: str) -> np.ndarray | None:
    """Which entries of a kitchen observation to keep; None where it is not a kitchen's.

    `obs` is `"positions"` (30) or `"full"` (59). Also None where `"full"` is requested of
    positions.
    """
    if action_dim != N_ACTIONS or obs_dim not in (N_POSITIONS, N_FULL, 2 * N_POSITIONS):
        return None
    if obs == "full":
        return np.arange(N_FULL) if obs_dim == N_FULL else None
    return POSITIONS if obs_dim == N_FULL else np.arange(N_POSITIONS)
