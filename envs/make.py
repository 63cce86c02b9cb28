"""Environments by name: ours, those of other packages, any Gymnasium id, `module:callable`."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, flatten, flatten_space
from gymnasium.wrappers import TimeLimit, TransformObservation

from mac_control.envs.abilities import LONGEST
from mac_control.envs.describe import own_robot
from mac_control.errors import InputError, did_you_mean, one_line
from mac_control.layout import by_name, layout_of
from mac_control.plugins import ENVIRONMENTS, ROBOTS, imported
from mac_control.robot import Robot

#: The environment that is used where none is named.
DEFAULT = "kitchen"


@dataclass(frozen=True)
class EnvName:
    """An environment's name and options: `kitchen:tasks=complete`, `AdroitHandDoor-v1`.

    Example:
        >>> EnvName.parse("kitchen:tasks=complete:init_noise=0.1")
        EnvName(name='kitchen', options={'tasks': 'complete', 'init_noise': 0.1})
    """

    name: str = DEFAULT
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> EnvName:
        """From `NAME[:OPTION=VALUE]...`; a value is a Python literal, otherwise text.

        Raises:
            InputError: an empty name, or an option without a value.
        """
        parts = text.split(":")
        cut = next((i for i, part in enumerate(parts) if "=" in part), len(parts))
        name, options = ":".join(parts[:cut]), {}
        for part in parts[cut:]:
            key, equals, value = part.partition("=")
            if not (key and equals and value):
                raise InputError(f"env: expected NAME[:OPTION=VALUE]..., got {text!r}")
            options[key] = _value(value)
        if not (cut and all(parts[:cut])):
            raise InputError(f"env: expected NAME[:OPTION=VALUE]..., got {text!r}")
        return cls(name, options)

    def with_options(self, options: Mapping[str, Any]) -> EnvName:
        """A copy with these options in place of its own; those that are None are left out."""
        changed = {key: value for key, value in options.items() if value is not None}
        return EnvName(self.name, {**self.options, **changed})

    def to_json(self, env: gymnasium.Env | None = None) -> dict[str, Any]:
        """JSON values, as in data sets and checkpoints.

        With `env`, the environment made from it, also the parts of its observations.
        """
        record = {"id": self.name, "options": dict(self.options)}
        if env is not None and env.has_wrapper_attr("obs_layout"):
            record["layout"] = env.get_wrapper_attr("obs_layout")
        return record

    def __str__(self) -> str:
        """The text that `parse` reads."""
        options = ((key, value, str(value)) for key, value in self.options.items())
        texts = [f"{k}={text if _value(text) == v else repr(v)}" for k, v, text in options]
        return ":".join([self.name, *texts])

    def difference(self, recorded: EnvName | None) -> str:
        """Options that differ from the recorded environment's; empty if none do, or none is known.

        Example:
            >>> evaluation = EnvName("kitchen", {"robot_noise_ratio": 0.1, "obs": "full"})
            >>> evaluation.difference(EnvName("kitchen", {"robot_noise_ratio": 0.01}))
            'robot_noise_ratio: data 0.01, evaluation 0.1'
        """
        if recorded is None:
            return ""
        if recorded.name != self.name:
            return f"environment: data {recorded}, evaluation {self}"
        return "; ".join(
            f"{key}: data {was}, evaluation {self.options.get(key)}"
            for key, was in recorded.options.items()
            if _comparable(was) != _comparable(self.options.get(key, was))
        )

    @classmethod
    def of_data(cls, provenance: Mapping[str, Any]) -> EnvName | None:
        """The environment that the data name as recorded in; None where they name none."""
        record = provenance.get("env")
        if not isinstance(record, Mapping) or not isinstance(record.get("id"), str):
            return None
        return cls(record["id"], dict(record.get("options") or {}))

    def has_option(self, option: str) -> bool:
        """Whether the environment's factory has this argument; False for a Gymnasium id."""
        factory = _factory(self.name)
        return factory is not None and option in _parameters(factory)

    def fitted(self, obs_dim: int, action_dim: int) -> EnvName:
        """A copy with options that follow from a policy's sizes, where the environment has any."""
        fit = getattr(_factory(self.name), "fit", None)
        return (
            self
            if fit is None
            else EnvName(self.name, {**fit(obs_dim, action_dim), **self.options})
        )


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
    factory = _factory(chosen.name)
    own_limit = factory is None or "max_episode_steps" in _parameters(factory)
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
    return adapted(env, robot, limit)


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
    endless = limit is None and not env.has_wrapper_attr("max_episode_steps")
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


def env_names() -> list[str]:
    """Names of the entry-point group `mac_control.environments`."""
    return ENVIRONMENTS.names()


def _factory(name: str) -> Callable[..., Any] | None:
    """The callable that makes the environment; None for a Gymnasium id."""
    if name in ENVIRONMENTS.installed():
        return ENVIRONMENTS.load(name)
    module, _, attribute = name.partition(":")
    register_robotics(attribute or module)
    try:
        gymnasium.spec(name)
        return None
    except gymnasium.error.Error as error:
        unknown = error
    if not attribute:
        known = [*env_names(), *gymnasium.registry]
        raise InputError(
            f"env: expected one of {', '.join(env_names())}, a Gymnasium id or module:callable, "
            f"got {name!r}{did_you_mean(name, known)}"
        ) from unknown
    try:
        imported(module)
        if attribute in gymnasium.registry:  # `module:id`: importing it registers the id
            return None
        found = imported(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"env {name!r}: cannot be imported: {error}") from error
    if not callable(found):
        raise InputError(f"env {name!r}: expected a callable, got {type(found).__name__}")
    return found  # type: ignore[no-any-return]


def register_robotics(name: str) -> None:
    """Register the ids of gymnasium-robotics, if `name` may be one."""
    if name not in gymnasium.registry:
        from contextlib import redirect_stderr
        from io import StringIO

        with redirect_stderr(StringIO()):  # a notice about hands that are not used here
            import gymnasium_robotics
        gymnasium.register_envs(gymnasium_robotics)


def _parameters(factory: Callable[..., Any]) -> list[str]:
    try:
        kinds = inspect.signature(factory).parameters.values()
    except ValueError:
        return []
    return [p.name for p in kinds]


def _comparable(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)
