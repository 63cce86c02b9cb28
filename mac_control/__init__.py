"""Shared autonomy: drive some action dimensions, a learned model fills in the rest."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mac_control.errors import CheckpointError, DataError, InputError, MacControlError
from mac_control.partial import PartialAction

if TYPE_CHECKING:
    from mac_control.checkpoint import load_policy
    from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations
    from mac_control.loop import evaluate, rollout
    from mac_control.operators import make_operator

__version__ = "0.1.0"

# Imported when first asked for: an exported policy needs neither torch nor a simulator.
_WHERE = {
    "Demonstrations": "demonstrations",
    "Episode": "demonstrations",
    "evaluate": "loop",
    "load_demonstrations": "demonstrations",
    "load_policy": "checkpoint",
    "make_operator": "operators",
    "rollout": "loop",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return value


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
