"""What a data set is, told by its name or by what it holds: the three D4RL kitchen data sets."""

from __future__ import annotations

import re

import numpy as np

# The kitchen's names are imported where they are used: the simulator is slow to import.

#: Name in D4RL -> name of its file.
D4RL_FILES = {
    "kitchen-complete-v0": "mini_kitchen_microwave_kettle_light_slider-v0.hdf5",
    "kitchen-partial-v0": "kitchen_microwave_kettle_light_slider-v0.hdf5",
    "kitchen-mixed-v0": "kitchen_microwave_kettle_bottomburner_light-v0.hdf5",
}
D4RL_URL = "http://rail.eecs.berkeley.edu/datasets/offline_rl/kitchen/"

#: What the names of all kitchen data sets and environments contain.
KITCHEN_WORD = "kitchen"
N_POSITIONS = 30
N_ACTIONS = 9

# Object positions of each subtask among the 30; D4RL appends 30 goal entries, 0 where there is
# no goal, so that the file itself says which subtasks it is scored on.
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
    found = re.search(r"kitchen[-_/](complete|partial|mixed)\b", source)
    return found.group(1) if found else None


def kitchen_tasks(name: str | None) -> tuple[str, ...]:
    """Subtasks of the D4RL data set of that name; empty for None."""
    from mac_control.envs.kitchen import KITCHEN_TASKS

    return KITCHEN_TASKS[name] if name else ()


def goal_tasks(observations: np.ndarray) -> tuple[str, ...]:
    """Subtasks that D4RL's goal entries name, `(T, 60)`; empty where these are no goal entries."""
    from mac_control.envs.kitchen import KITCHEN_TASKS, SUBTASKS

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
    """Which entries of a kitchen observation to keep; None where it is no kitchen.

    `obs` is `"positions"` (30) or `"full"` (59). None too where `"full"` is asked of positions.
    """
    from mac_control.envs.kitchen import POSITIONS

    if action_dim != N_ACTIONS or obs_dim not in (N_POSITIONS, 59, 2 * N_POSITIONS):
        return None
    if obs == "full":
        return np.arange(59) if obs_dim == 59 else None
    return POSITIONS if obs_dim == 59 else np.arange(N_POSITIONS)
