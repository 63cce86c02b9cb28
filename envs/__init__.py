"""Environments: by name, with a robot's description, and shared autonomy for any of them."""

import sys
from typing import TYPE_CHECKING

import gymnasium

from mac_control.lazy import lazily

if TYPE_CHECKING:
    from mac_control.envs.describe import robot_of
    from mac_control.envs.kitchen.env import KitchenEnv, make_kitchen
    from mac_control.envs.kitchen.robot import KITCHEN_TASKS, SUBTASKS
    from mac_control.envs.make import make_env
    from mac_control.envs.shared_autonomy import SharedAutonomy

#: In :func:`gymnasium.make`.
KITCHEN_ID = "mac_control/Kitchen-v0"
if KITCHEN_ID not in gymnasium.registry:
    gymnasium.register(
        KITCHEN_ID,
        entry_point="mac_control.envs.kitchen:KitchenEnv",
        max_episode_steps=280,  # of a TimeLimit, which `gymnasium.make` can change
        kwargs={"max_episode_steps": sys.maxsize},
    )

__getattr__ = lazily(
    __name__,
    {
        "KITCHEN_TASKS": "kitchen.robot",
        "SUBTASKS": "kitchen.robot",
        "KitchenEnv": "kitchen.env",
        "make_kitchen": "kitchen.env",
        "make_env": "make",
        "robot_of": "describe",
        "SharedAutonomy": "shared_autonomy",
    },
)

__all__ = [
    "KITCHEN_ID",
    "KITCHEN_TASKS",
    "SUBTASKS",
    "KitchenEnv",
    "SharedAutonomy",
    "make_env",
    "make_kitchen",
    "robot_of",
]
