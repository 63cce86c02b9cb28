"""FrankaKitchen: the environment, its scripted expert, how its demonstrations are made and read."""

from typing import TYPE_CHECKING

from mac_control.envs import KITCHEN_ID
from mac_control.envs.kitchen.robot import KITCHEN_TASKS, SUBTASKS
from mac_control.lazy import lazily

if TYPE_CHECKING:
    from mac_control.envs.kitchen.env import KitchenEnv, make_kitchen

__getattr__ = lazily(__name__, {"KitchenEnv": "env", "make_kitchen": "env"})  # loads a simulator

__all__ = ["KITCHEN_ID", "KITCHEN_TASKS", "SUBTASKS", "KitchenEnv", "make_kitchen"]
