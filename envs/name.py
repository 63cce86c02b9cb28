"""Names and options of environments, and what makes each of them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium

from mac_control.errors import InputError, did_you_mean
from mac_control.plugins import ENVIRONMENTS, imported

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
        factory = factory_of(self.name)
        return factory is not None and option in parameters_of(factory)

    def fitted(self, obs_dim: int, action_dim: int) -> EnvName:
        """A copy with options that follow from a policy's sizes, where the environment has any."""
        fit = getattr(factory_of(self.name), "fit", None)
        return (
            self
            if fit is None
            else EnvName(self.name, {**fit(obs_dim, action_dim), **self.options})
        )


def env_names() -> list[str]:
    """Names of the entry-point group `mac_control.environments`."""
    return ENVIRONMENTS.names()


def factory_of(name: str) -> Callable[..., Any] | None:
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


def parameters_of(factory: Callable[..., Any]) -> list[str]:
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
