"""Environments: FrankaKitchen with flat observations, and shared autonomy for any environment."""

import gymnasium

from mac_control.envs.kitchen import KITCHEN_TASKS, SUBTASKS, KitchenEnv, make_kitchen
from mac_control.envs.shared_autonomy import SharedAutonomy

KITCHEN_ID = "mac_control/Kitchen-v0"

if KITCHEN_ID not in gymnasium.registry:
    gymnasium.register(KITCHEN_ID, entry_point="mac_control.envs.kitchen:KitchenEnv")

__all__ = [
    "KITCHEN_ID",
    "KITCHEN_TASKS",
    "SUBTASKS",
    "KitchenEnv",
    "SharedAutonomy",
    "make_kitchen",
]
