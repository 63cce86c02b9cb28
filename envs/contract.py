"""What an environment returns, in one form: copied arrays, floats, booleans, names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from mac_control.errors import EpisodeError


def own_obs(space: Box, obs: Any) -> np.ndarray:
    """A copy of an observation, `(O,)` float, which nothing else changes later.

    Raises:
        EpisodeError: a wrong shape, no numbers, or a number that is not finite.
    """
    kind = space.dtype if np.issubdtype(space.dtype, np.floating) else np.float32
    try:
        with np.errstate(over="ignore"):  # becomes infinite, which is refused below
            array = np.array(obs, kind)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise EpisodeError(f"expected an observation of numbers, got {obs!r:.100}") from error
    if array.shape != space.shape:
        raise EpisodeError(f"expected an observation of shape {space.shape}, got {array.shape}")
    finite = np.isfinite(array)
    if not finite.all():
        at = tuple(np.argwhere(~finite)[0].tolist())
        raise EpisodeError(f"expected finite observations, got {array[at]} at {at}")
    return array


def own_reward(reward: Any) -> float:
    """A reward as a float, be it an array of one number.

    Raises:
        EpisodeError: not one number, or a number that is not finite.
    """
    value = float(_one("reward", reward))
    if not math.isfinite(value):
        raise EpisodeError(f"expected finite reward, got {value}")
    return value


def own_flag(name: str, value: Any) -> bool:
    """`terminated` or `truncated` as a bool, be it an array of one value.

    Raises:
        EpisodeError: not one value.
    """
    return bool(_one(name, value))


def own_info(info: Any) -> dict[str, Any]:
    """A copy of `info` in which subtasks and success have one form, where they are known.

    `tasks_done` becomes a tuple of names, or is left out if it is not one; `success`, under that
    name or as `is_success`, becomes a bool, or is left out.
    """
    found = dict(info) if isinstance(info, dict) else {}
    done = found.pop("tasks_done", None)
    if isinstance(done, (list, tuple, set, frozenset, np.ndarray)):
        names = [
            str(name) for name in (sorted(done) if isinstance(done, (set, frozenset)) else done)
        ]
        found["tasks_done"] = tuple(names)
    success = found.pop("success", found.get("is_success"))
    if success is not None and np.size(success) == 1:
        found["success"] = bool(np.asarray(success).reshape(-1)[0])
    return found


def _one(name: str, value: Any) -> Any:
    if type(value) in (bool, float):  # the usual case
        return value
    try:
        array = np.asarray(value)
        kinds = array.dtype.kind in "fiub"
    except (TypeError, ValueError, RuntimeError):
        kinds = False
    if not kinds or array.size != 1:
        raise EpisodeError(f"expected one number for {name}, got {value!r:.100}")
    return array.reshape(-1)[0]
