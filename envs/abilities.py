"""What some environments can do beyond Gymnasium's contract, and how to ask for it.

An environment declares such an ability by having the methods or attributes named here; an
attribute of the same name but another type or meaning does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import gymnasium
import numpy as np

from mac_control.simulator import mujoco

#: Steps of an episode where neither the environment nor the user says.
LONGEST = 1000


def episode_steps(env: gymnasium.Env) -> int:
    """Steps until an episode of the environment is truncated."""
    limits = [getattr(owner, "max_episode_steps", None) for owner in (env.unwrapped, env)]
    if env.has_wrapper_attr("_max_episode_steps"):  # of a TimeLimit
        limits.append(env.get_wrapper_attr("_max_episode_steps"))
    return min((limit for limit in limits if isinstance(limit, int)), default=LONGEST)


def subtasks_of(env: gymnasium.Env) -> tuple[str, ...]:
    """The subtasks that an environment declares in its attribute `subtasks`; empty for others."""
    found = env.get_wrapper_attr("subtasks") if env.has_wrapper_attr("subtasks") else ()
    names = found if isinstance(found, tuple) else ()
    return names if all(isinstance(name, str) for name in names) else ()


def scene_of(env: gymnasium.Env) -> tuple[Any, Any]:
    """The MuJoCo model and data of an environment; None and None where it has none."""
    model, data = (getattr(env.unwrapped, name, None) for name in ("model", "data"))
    simulated = isinstance(model, mujoco.MjModel) and isinstance(data, mujoco.MjData)
    return (model, data) if simulated else (None, None)


def camera_of(env: gymnasium.Env) -> Any:
    """Best camera position and target for the scene, `((x, y, z), (x, y, z))` [m], or None."""
    return env.get_wrapper_attr("camera") if env.has_wrapper_attr("camera") else None


def is_real(env: gymnasium.Env) -> bool:
    """Whether an environment declares by its attribute `real` that its robot is a real one.

    A reset does not move such a robot: it goes on from where it is.
    """
    return env.has_wrapper_attr("real") and env.get_wrapper_attr("real") is True


@runtime_checkable
class StartsAnywhere(Protocol):
    """An environment that can start an episode where a recorded one did."""

    def start_options(self, observation: np.ndarray) -> dict[str, Any]:
        """`options` that reset to the state that an observation `(O,)` shows."""


@runtime_checkable
class Undoable(Protocol):
    """An environment that can go back to where it was."""

    def snapshot(self) -> Any:
        """Everything that the next steps depend on."""

    def restore(self, snapshot: Any) -> None:
        """Go back to a snapshot."""


@runtime_checkable
class Observable(Protocol):
    """A robot that moves on between steps, and can be observed again just before an action."""

    def observe(self) -> np.ndarray:
        """The observation now, `(O,)`."""


@runtime_checkable
class HasTwin(Protocol):
    """An environment that makes another one like itself more cheaply than its constructor does."""

    def twin(self) -> Any:
        """Another such environment, independent of this one."""


def add_envs(envs: list[gymnasium.Env], count: int, make: Callable[[], gymnasium.Env]) -> None:
    """Add to `envs` until there are `count`: twins of the first, or made by `make`."""
    while len(envs) < count:
        first = envs[0] if envs else None
        envs.append(first.twin() if isinstance(first, HasTwin) else make())
