"""The Adroit hand: its four tasks, its robot, its published experts as operators."""

from typing import TYPE_CHECKING

from mac_control.lazy import lazily

if TYPE_CHECKING:
    from mac_control.envs.adroit.env import HandEnv
    from mac_control.envs.adroit.robot import hand_robot

__getattr__ = lazily(__name__, {"HandEnv": "env", "hand_robot": "robot"})  # they load a simulator

__all__ = ["HandEnv", "hand_robot"]
