"""Shared autonomy: drive some action dimensions, a learned model fills in the rest."""

from typing import TYPE_CHECKING

from mac_control.errors import CheckpointError, DataError, InputError, MacControlError
from mac_control.lazy import lazily
from mac_control.partial import PartialAction
from mac_control.robot import ActionDim, Robot, load_robot

if TYPE_CHECKING:
    from mac_control.checkpoint import load_policy
    from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations
    from mac_control.envs import SharedAutonomy, make_env, robot_of
    from mac_control.loop import evaluate, rollout
    from mac_control.operators import make_operator

__version__ = "0.1.0"

__getattr__ = lazily(  # an exported policy needs neither torch nor a simulator
    __name__,
    {
        "Demonstrations": "demonstrations",
        "Episode": "demonstrations",
        "SharedAutonomy": "envs",
        "evaluate": "loop",
        "load_demonstrations": "demonstrations",
        "load_policy": "checkpoint",
        "make_env": "envs",
        "make_operator": "operators",
        "robot_of": "envs",
        "rollout": "loop",
    },
)

__all__ = [
    "ActionDim",
    "CheckpointError",
    "DataError",
    "Demonstrations",
    "Episode",
    "InputError",
    "MacControlError",
    "PartialAction",
    "Robot",
    "SharedAutonomy",
    "evaluate",
    "load_demonstrations",
    "load_policy",
    "load_robot",
    "make_env",
    "make_operator",
    "robot_of",
    "rollout",
]
