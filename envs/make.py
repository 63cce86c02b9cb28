"""Environments by name: ours, those of other packages, any Gymnasium id, `module:callable`."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, flatten, flatten_space
from gymnasium.wrappers import TimeLimit, TransformObservation

from mac_control.envs.abilities import LONGEST
from mac_control.envs.describe import own_robot
from mac_control.envs.name import DEFAULT, EnvName, factory_of, parameters_of
from mac_control.errors import InputError, one_line
from mac_control.layout import by_name, layout_of
from mac_control.plugins import ROBOTS
from mac_control.robot import Robot


def make_env(name: str | EnvName = DEFAULT, robot: Robot | None = None, **options: Any) -> Any:
    """An environment with flat Box observations and a flat, finite Box of actions.

    Observations that are Dicts or Tuples are flattened as `gymnasium.spaces.flatten` does: the
    parts of a Dict in the order of their names. An unbounded action space takes the range that
    `robot` gives, and is refused without one. Where the entry-point group `mac_control.robots` has
    the environment's name, that entry is its robot's description.

    Args:
        name: a name of the entry-point group `mac_control.environments`, any Gymnasium id,
            `module:id` where importing the module registers it, or `module:callable`; options after
            colons, as in `kitchen:tasks=complete`.
        robot: a description in place of the environment's own.
        options: of the environment, and `max_episode_steps`.

    Raises:
        InputError: no such environment, options it does not have, or spaces of another form.

    Example:
        >>> env = make_env("Reacher-v5", max_episode_steps=5)
        >>> env.observation_space.shape
        (10,)
    """
    chosen = name if isinstance(name, EnvName) else EnvName.parse(name)
    chosen = chosen.with_options(options)
    settings = dict(chosen.options)
    factory = factory_of(chosen.name)
    takes = factory is not None and "max_episode_steps" in parameters_of(factory)
    own_limit = factory is None or takes
    limit = None if own_limit else settings.pop("max_episode_steps", None)
    try:
        env = gymnasium.make(chosen.name, **settings) if factory is None else factory(**settings)
    except InputError:
        raise
    except Exception as error:  # whatever its constructor raises
        raise InputError(f"env {chosen.name}: cannot be made: {one_line(error)}") from error
    if not isinstance(env, gymnasium.Env):
        raise InputError(f"env {chosen.name}: expected a gymnasium.Env, got {type(env).__name__}")
    named = factory is not None and chosen.name in ROBOTS.installed()
    if named and robot is None and own_robot(env) is None:
        robot = ROBOTS.load(chosen.name)(env)
    if factory is not None and takes and not _bounded(env):  # it ends there by itself
        usual = inspect.signature(factory).parameters["max_episode_steps"].default
        steps = settings.get("max_episode_steps", usual)
        limit = steps if isinstance(steps, int) else None
    return adapted(env, robot, limit)


def _bounded(env: gymnasium.Env) -> bool:
    """Whether the environment says after how many steps its episodes end."""
    names = ("max_episode_steps", "_max_episode_steps")  # its own, or of a TimeLimit
    return any(env.has_wrapper_attr(name) for name in names)


def adapted(env: gymnasium.Env, robot: Robot | None = None, limit: int | None = None) -> Any:
    """The environment with flat observations, bounded actions and episodes that end.

    Raises:
        InputError: observations that do not flatten; actions that are not a flat, finite Box of
            real numbers.
    """
    space = env.observation_space
    if not isinstance(space, Box) or len(space.shape) != 1:
        if not space.is_np_flattenable:
            raise InputError(f"observation space: expected one that flattens, got {space}")
        env = Flat(env)
    action = env.action_space
    if not isinstance(action, Box) or len(action.shape) != 1:
        raise InputError(f"action space: expected a flat Box, got {action}")
    if not np.issubdtype(action.dtype, np.floating):
        raise InputError(
            f"action space: expected real numbers, got {action}; wrap the environment so that it "
            "takes real numbers and rounds them"
        )
    if robot is not None:
        env = Described(env, robot)
        action = Box(robot.low, robot.high)
    if not action.is_bounded():
        raise InputError(
            f"action space: expected finite bounds, got {action}; describe the robot's ranges in "
            "a TOML file and name it (--robot)"
        )
    if not (action.low < action.high).all():
        raise InputError(
            f"action space: expected low below high in every dimension, got {action}; leave out "
            "dimensions that cannot move"
        )
    endless = limit is None and not _bounded(env)
    if endless and (env.spec is None or env.spec.max_episode_steps is None):
        limit = LONGEST
    return env if limit is None else TimeLimit(env, limit)


def make_filmed(name: EnvName, robot: Robot | None = None, side: int | None = None) -> Any:
    """The environment with rendering, `side` pixels wide and high where it has that option."""
    size = {} if side is None else {"width": side, "height": side}
    try:
        return make_env(name, robot, render_mode="rgb_array", **size)
    except InputError:
        return make_env(name, robot, render_mode="rgb_array")


class Flat(TransformObservation):
    """An environment with flattened observations; `obs_layout` names their parts."""

    def __init__(self, env: gymnasium.Env) -> None:
        ordered = by_name(env.observation_space)
        super().__init__(env, partial(flatten, ordered), flatten_space(ordered))
        self.obs_layout = layout_of(ordered)


class Described(gymnasium.Wrapper):
    """An environment with another description of its robot, which also bounds its actions.

    Raises:
        InputError: a description of different sizes, or ranges beyond the environment's.
    """

    def __init__(self, env: gymnasium.Env, robot: Robot) -> None:
        super().__init__(env)
        shape = getattr(env.observation_space, "shape", None) or (None,)
        space = env.action_space
        if not isinstance(space, Box) or space.shape != (robot.action_dim,):
            raise InputError(
                f"robot {robot.name}: expected one for the action space {space}, "
                f"got {robot.action_dim} dimensions"
            )
        robot.expect(shape[0])
        if (robot.low < space.low).any() or (robot.high > space.high).any():
            raise InputError(
                f"robot {robot.name}: expected ranges within the environment's {space}, "
                f"got {robot.low.tolist()} to {robot.high.tolist()}"
            )
        self.robot = robot
        self.action_space = Box(robot.low, robot.high, dtype=np.float32)
