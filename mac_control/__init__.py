"""Shared autonomy: drive some action dimensions, a learned model fills in the rest."""

from mac_control.checkpoint import load_policy
from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations
from mac_control.errors import CheckpointError, DataError, InputError, MacControlError
from mac_control.loop import evaluate, rollout
from mac_control.operators import make_operator
from mac_control.partial import PartialAction

__version__ = "0.1.0"

__all__ = [
    "CheckpointError",
    "DataError",
    "Demonstrations",
    "Episode",
    "InputError",
    "MacControlError",
    "PartialAction",
    "evaluate",
    "load_demonstrations",
    "load_policy",
    "make_operator",
    "rollout",
]
