"""The kitchen's robot, subtasks and observations, as data: importing this loads no simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mac_control.errors import InputError
from mac_control.robot import ActionDim, Robot

#: The seven subtasks of FrankaKitchen.
SUBTASKS = (
    "microwave",
    "kettle",
    "bottom burner",
    "top burner",
    "light switch",
    "slide cabinet",
    "hinge cabinet",
)

#: The four subtasks that each D4RL kitchen data set is scored on.
KITCHEN_TASKS = {
    "complete": ("microwave", "kettle", "light switch", "slide cabinet"),
    "partial": ("microwave", "kettle", "light switch", "slide cabinet"),
    "mixed": ("microwave", "kettle", "bottom burner", "light switch"),
}

#: Name of the robot in data and checkpoints.
ROBOT = "franka-kitchen"
ARM_JOINTS = 7
ROBOT_JOINTS = 9  # the arm and two fingers
MAX_VELOCITY = 2.0  # of an action of 1 [rad/s] (fingers: [m/s])
RATE = 12.5  # control steps per second [Hz]

# Entries of FrankaKitchen's 59: robot positions 0-8, robot velocities 9-17, object positions
# 18-38, object velocities 39-58. D4RL's files hold the 30 positions.
POSITIONS = np.r_[0:9, 18:39]
N_POSITIONS, N_FULL = len(POSITIONS), 59

# Feedback of 5 per rad tracks well; a joint moves by about 0.09 rad in a step per action unit.
# Fingers need feedback too: without it noise adds up and the hand drops what it holds.
_ARM: dict[str, Any] = {"kind": "joint_velocity", "unit": "2 rad/s", "gain": 5.0, "travel": 0.09}
_FINGER: dict[str, Any] = {"kind": "gripper", "unit": "2 m/s", "gain": 6.0, "travel": 0.09}
_LABELS = (
    *("base turn", "shoulder", "upper arm turn", "elbow", "forearm turn", "wrist bend"),
    *("hand turn", "left finger", "right finger"),
)
_NAMES = (*(f"joint{i}" for i in range(1, 8)), "finger1", "finger2")
_OBJECTS = tuple(f"object{i}" for i in range(1, 22))


def _robot(obs_names: tuple[str, ...]) -> Robot:
    return Robot(
        ROBOT,
        tuple(
            ActionDim(name, label=label, position=i, **(_ARM if i < ARM_JOINTS else _FINGER))
            for i, (name, label) in enumerate(zip(_NAMES, _LABELS, strict=True))
        ),
        {
            "arm": tuple(range(7)),
            "base": (0, 1, 2),
            "elbow": (3,),
            "wrist": (4, 5, 6),
            "gripper": (7, 8),
        },
        obs_names,
        RATE,
    )


#: Observation name -> the robot with that observation.
ROBOTS = {
    "positions": _robot((*_NAMES, *_OBJECTS)),
    "full": _robot(
        (
            *_NAMES,
            *(f"{name} velocity" for name in _NAMES),
            *_OBJECTS,
            *(f"object velocity {i}" for i in range(1, 21)),
        )
    ),
}
#: Size of an observation -> its name.
OBS = {N_POSITIONS: "positions", N_FULL: "full"}


def kitchen_robot(obs_dim: int) -> Robot:
    """The kitchen's robot with observations of this size.

    Raises:
        InputError: not 30 or 59.
    """
    if obs_dim not in OBS:
        raise InputError(
            f"observations: expected {N_POSITIONS} or {N_FULL} entries of the kitchen, "
            f"got {obs_dim}"
        )
    return ROBOTS[OBS[obs_dim]]


def checked_tasks(tasks: str | Sequence[str]) -> tuple[str, ...]:
    """Subtasks by the name of a D4RL data set, or a list of them.

    Raises:
        InputError: an unknown name, no subtask, or one twice.
    """
    if isinstance(tasks, str) and tasks in KITCHEN_TASKS:
        return KITCHEN_TASKS[tasks]
    if isinstance(tasks, str):
        tasks = tasks.replace("-", " ").split(">")
        if len(tasks) == 1 and tasks[0] not in SUBTASKS:
            known = ", ".join(KITCHEN_TASKS)
            raise InputError(
                f"tasks: expected one of {known}, or a list of subtasks, got {tasks[0]!r}"
            )
    tasks = tuple(tasks)
    unknown = [task for task in tasks if task not in SUBTASKS]
    if unknown or not tasks or len(set(tasks)) < len(tasks):
        raise InputError(
            f"tasks: expected different subtasks out of {', '.join(SUBTASKS)}, got {tasks}"
        )
    return tasks
