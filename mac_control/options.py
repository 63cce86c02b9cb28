"""Command-line options made from the dataclasses that declare them, and those of environments."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from mac_control.errors import InputError
from mac_control.files import user_path

if typing.TYPE_CHECKING:
    from mac_control.envs.name import EnvName
    from mac_control.robot import Robot


@dataclass(kw_only=True)
class EnvOptions:
    """The environment of a verb that simulates."""

    env: str | None = None
    """kitchen, a Gymnasium id, a package's environment or module:callable; options after colons, as
    in kitchen:tasks=complete:init_noise=0.1. None: what the demonstrations were recorded in."""
    robot: str | None = None
    """TOML file that describes the robot, in place of the environment's own description; or a
    LeRobot robot, KIND[:OPTION=VALUE]..., such as so101_follower:port=/dev/ttyACM1:id=mine."""
    episode_steps: int | None = None
    """Longest episode, in control steps; None: as the environment says."""

    def chosen_env(self) -> EnvName | None:
        """The environment that is named, or None.

        Raises:
            InputError: an invalid name.
        """
        from mac_control.envs.name import EnvName

        if self._is_kind():
            kind = EnvName.parse(str(self.robot))
            return EnvName("lerobot", {"kind": kind.name, **kind.options})
        return None if self.env is None else EnvName.parse(self.env)

    def _is_kind(self) -> bool:
        """Whether the robot is a kind of LeRobot robot, not a file."""
        if self.env is not None or self.robot is None:
            return False
        name = self.robot.partition(":")[0]
        return name.isidentifier() and not user_path(self.robot).exists()

    def env_options(self) -> dict[str, Any]:
        """Options besides those in the name.

        Raises:
            InputError: a number of steps below 1.
        """
        if self.episode_steps is not None and self.episode_steps < 1:
            raise InputError(f"episode_steps: expected at least 1, got {self.episode_steps}")
        return {} if self.episode_steps is None else {"max_episode_steps": self.episode_steps}

    def chosen_robot(self) -> Robot | None:
        """The robot that the option describes; None: the environment's own."""
        from mac_control.robot import load_robot

        return None if self.robot is None or self._is_kind() else load_robot(self.robot)


def options_of(
    config: type,
    omit: Collection[str] = (),
    *,
    optional: bool = False,
    name: str = "",
    aliases: Mapping[str, str] | None = None,
) -> type:
    """A dataclass with the fields of `config` and their documentation, for a command line.

    Args:
        config: a dataclass whose fields have a docstring each.
        omit: fields to leave out.
        optional: whether every field may be None, which is then its default ("as in the preset").
        name: name of the new class.
        aliases: field -> another option that sets it, such as `--keep`.

    Example:
        >>> @dataclass
        ... class Config:
        ...     width: int = 8
        >>> options_of(Config, optional=True)().width is None
        True
    """
    hints, helps, made = typing.get_type_hints(config), attribute_docs(config), []
    for each in dataclasses.fields(config):
        if each.name in omit:
            continue
        kind: Any = hints[each.name]
        kind = kind | None if optional else kind
        alias = (aliases or {}).get(each.name)
        if (text := helps.get(each.name)) or alias:
            known = [alias] if alias else None
            kind = Annotated[kind, tyro.conf.arg(help=text, aliases=known)]
        if optional:
            default = dataclasses.field(default=None)
        elif each.default is not dataclasses.MISSING:
            default = dataclasses.field(default=each.default)
        else:
            default = dataclasses.field(default_factory=each.default_factory)  # type: ignore[arg-type]
        made.append((each.name, kind, default))
    return dataclasses.make_dataclass(name or config.__name__, made)


def attribute_docs(config: type) -> Mapping[str, str]:
    """Field -> the docstring under it, of a dataclass and its bases; nothing without source."""
    found: dict[str, str] = {}
    for cls in reversed(config.__mro__[:-1]):
        try:
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        except (OSError, TypeError, SyntaxError, ValueError):
            continue
        assert isinstance(tree, ast.ClassDef)
        for statement, after in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                value = after.value if isinstance(after, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found[statement.target.id] = " ".join(value.value.split())
    return found


def changes(options: Any) -> dict[str, Any]:
    """The fields of options that are not None."""
    pairs = ((f.name, getattr(options, f.name)) for f in dataclasses.fields(options))
    return {name: value for name, value in pairs if value is not None}


def changed(options: Any) -> list[str]:
    """Names of the options that differ from their defaults; nested ones have a dot.

    Example:
        >>> @dataclass
        ... class Options:
        ...     env: EnvOptions
        ...     seed: int = 0
        >>> changed(Options(EnvOptions(episode_steps=9)))
        ['env.episode_steps']
    """
    names = []
    for each in dataclasses.fields(options):
        made = each.default_factory is not dataclasses.MISSING
        usual = each.default_factory() if made else each.default  # type: ignore[misc]
        value = getattr(options, each.name)
        if dataclasses.is_dataclass(value):
            names += [f"{each.name}.{name}" for name in changed(value)]
        elif value != usual:
            names.append(each.name)
    return names


def only_with(name: str, other: str) -> InputError:
    """The error for an option that has no effect without another."""
    return InputError(f"{name}: expected with {other}, got it alone; add {other}, or leave it out")


def only_without(name: str, other: str) -> InputError:
    """The error for an option that has no effect together with another."""
    return InputError(f"{name}: expected without {other}, got both; leave one of them out")


def paths(text: str) -> list[str]:
    """Paths from a list separated by commas; an existing path may contain commas itself.

    Example:
        >>> paths("runs/a,runs/b")
        ['runs/a', 'runs/b']
    """
    parts, found = text.split(","), []
    while parts:
        # The longest prefix that is an existing path, otherwise up to the next comma.
        ends = range(len(parts), 1, -1)
        there = (end for end in ends if user_path(",".join(parts[:end])).exists())
        end = next(there, 1)
        found.append(",".join(parts[:end]))
        del parts[:end]
    return [path for path in found if path]


def expect_different(name: str, values: Sequence[Any]) -> None:
    """Raise an InputError where a value occurs twice: it would be counted twice."""
    if twice := [value for value in dict.fromkeys(values) if values.count(value) > 1]:
        raise InputError(f"{name}: expected different ones, got {twice[0]!r} twice")


def numbers(name: str, text: str) -> list[int]:
    """Whole numbers from a list such as `0,1,3`.

    Raises:
        InputError: not such a list.
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{name}: expected numbers such as 0,1,3, got {text!r}") from error
