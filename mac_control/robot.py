"""One description of a robot: what each action dimension is, and which observed entry it moves."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.dimension import KINDS, ActionDim
from mac_control.errors import InputError, did_you_mean
from mac_control.files import user_path
from mac_control.limits import Limits

__all__ = ["KINDS", "ActionDim", "Robot", "load_robot"]


@dataclass(frozen=True)
class Robot:
    """A robot: its action dimensions, groups of them, what it observes, and its control rate.

    It travels with demonstrations, checkpoints, exported policies and environments, and is the
    only place that holds sizes of a robot.

    Args:
        name: of the robot.
        actions: the action dimensions, in order.
        groups: group name -> indices of action dimensions.
        obs_names: names of the observed entries; empty where unknown.
        rate: control rate [Hz]; None where unknown.
        limits: limits of the actions sent; None: `default_limits` for a real robot, none for a
            simulated one.

    Raises:
        InputError: a name that occurs twice, a group or a position out of range, or limits that
            do not fit.

    Example:
        >>> arm = Robot("arm", (ActionDim("shoulder"), ActionDim("elbow")), {"upper": (0,)})
        >>> arm.action_dim, arm.dims("upper", "elbow")
        (2, (0, 1))
    """

    name: str
    actions: tuple[ActionDim, ...]
    groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    obs_names: tuple[str, ...] = ()
    rate: float | None = None
    limits: Limits | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "actions", tuple(self.actions))
        object.__setattr__(self, "obs_names", tuple(self.obs_names))
        names = [action.name for action in self.actions]
        if not names or len(set(names)) < len(names):
            raise InputError(f"robot {self.name}: expected different action names, got {names}")
        groups = {}
        for group, dims in self.groups.items():
            found = tuple(self.index(dim) for dim in dims)
            if not found or len(set(found)) < len(found) or group in names:
                raise InputError(
                    f"robot {self.name}: group {group!r}: expected different action dimensions "
                    f"and a name that no dimension has, got {list(dims)}"
                )
            groups[group] = found
        object.__setattr__(self, "groups", groups)
        for action in self.actions:
            at = action.position
            if self.obs_names and at is not None and at >= len(self.obs_names):
                raise InputError(
                    f"robot {self.name}: action {action.name}: position: expected an entry below "
                    f"{len(self.obs_names)}, got {at}"
                )
        number = isinstance(self.rate, Real)
        if self.rate is not None and not (number and np.isfinite(self.rate) and self.rate > 0):
            raise InputError(
                f"robot {self.name}: rate: expected a number above 0, got {self.rate!r}"
            )
        if self.limits is not None:
            self.limits.expect(self)

    @classmethod
    def of_box(cls, name: str, box: Any, rate: float | None = None) -> Robot | None:
        """A robot of which only the action box is known; None where that is not finite.

        Args:
            name: of the robot.
            box: a flat `gymnasium.spaces.Box`.
            rate: control rate [Hz].
        """
        low, high = np.ravel(box.low), np.ravel(box.high)
        if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
            return None
        ends = enumerate(zip(low, high, strict=True))
        dims = tuple(ActionDim(f"action{i}", float(a), float(b)) for i, (a, b) in ends)
        return cls(name, dims, rate=rate)

    @property
    def action_dim(self) -> int:
        """Number of action dimensions, D."""
        return len(self.actions)

    @property
    def low(self) -> np.ndarray:
        """Lower ends of the action box, `(D,)` float32."""
        return np.array([action.low for action in self.actions], np.float32)

    @property
    def high(self) -> np.ndarray:
        """Upper ends of the action box, `(D,)` float32."""
        return np.array([action.high for action in self.actions], np.float32)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the action dimensions for people, `D` of them."""
        return tuple(action.label for action in self.actions)

    def index(self, dim: str | int) -> int:
        """The index of an action dimension, named by index, name or label.

        Raises:
            InputError: no such dimension.
        """
        if isinstance(dim, (int, np.integer)) and not isinstance(dim, bool):
            if 0 <= dim < self.action_dim:
                return int(dim)
            raise InputError(
                f"robot {self.name}: expected a dimension from 0 to {self.action_dim - 1}, "
                f"got {dim}"
            )
        for names in ([action.name for action in self.actions], list(self.labels)):
            if names.count(str(dim)) == 1:
                return names.index(str(dim))
        known = [action.name for action in self.actions]
        raise InputError(
            f"robot {self.name}: expected a dimension out of {', '.join(known)}, "
            f"got {dim!r}{did_you_mean(str(dim), known)}"
        )

    def dims(self, *names: str | int) -> tuple[int, ...]:
        """Indices of the dimensions and groups of these names, ascending.

        Raises:
            InputError: a name that is neither a dimension nor a group.
        """
        found: set[int] = set()
        for name in names:
            if isinstance(name, str) and name in self.groups:
                found.update(self.groups[name])
            else:
                try:
                    found.add(self.index(name))
                except InputError as error:
                    known = [*self.groups, *(action.name for action in self.actions)]
                    raise InputError(
                        f"robot {self.name}: expected groups or dimensions out of "
                        f"{', '.join(known)}, got {name!r}{did_you_mean(str(name), known)}"
                    ) from error
        return tuple(sorted(found))

    def expect(self, obs_dim: int | None = None, action_dim: int | None = None) -> None:
        """Raise an InputError unless sizes of data, a policy or an environment are this robot's."""
        if action_dim is not None and action_dim != self.action_dim:
            raise InputError(
                f"robot {self.name}: expected {self.action_dim} action dimensions, got {action_dim}"
            )
        least = max((a.position for a in self.actions if a.position is not None), default=-1) + 1
        wanted = f"{len(self.obs_names)}" if self.obs_names else f"at least {least}"
        fits = obs_dim is None or (
            obs_dim == len(self.obs_names) if self.obs_names else obs_dim >= least
        )
        if not fits:
            raise InputError(
                f"robot {self.name}: expected {wanted} observed entries, got {obs_dim}"
            )

    def to_json(self) -> dict[str, Any]:
        """JSON values that :meth:`from_json` reads."""
        record = asdict(self)
        record["actions"] = [asdict(action) for action in self.actions]
        record["groups"] = {name: list(dims) for name, dims in self.groups.items()}
        record["obs_names"] = list(self.obs_names)
        del record["limits"]  # absent where there are none, as in files of earlier versions
        return record if self.limits is None else {**record, "limits": self.limits.to_json()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Robot:
        """A robot from `to_json`, or from the tables of a TOML file; see `docs/own-robot.md`.

        A position may be the name of an observed entry.

        Raises:
            InputError: an unknown key, or a value of the wrong kind.

        Example:
            >>> Robot.from_json({"name": "cart", "actions": [{"name": "push"}]}).action_dim
            1
        """
        _expect_keys("robot", record, cls)
        rows = record.get("actions")
        if not isinstance(rows, Sequence) or isinstance(rows, str):
            raise InputError(f"robot: actions: expected a list of tables, got {rows!r}")
        listed = record.get("obs_names", ())
        if not isinstance(listed, Sequence) or isinstance(listed, str):
            raise InputError(f"robot: obs_names: expected a list of names, got {listed!r}")
        obs_names = tuple(str(name) for name in listed)
        actions = []
        for row in rows:
            _expect_keys("robot: actions", row, ActionDim)
            at = row.get("position")
            if isinstance(at, str):
                if at not in obs_names:
                    raise InputError(
                        f"robot: position: expected one of obs_names, got {at!r}"
                        f"{did_you_mean(at, obs_names)}"
                    )
                row = {**row, "position": obs_names.index(at)}
            try:
                actions.append(ActionDim(**row))
            except TypeError as error:
                raise InputError(f"robot: actions: {row}: {error}") from error
        try:
            groups = {name: tuple(dims) for name, dims in dict(record.get("groups", {})).items()}
            name, rate = str(record.get("name", "robot")), record.get("rate")
            limits = Limits.from_json(record["limits"]) if "limits" in record else None
            return cls(name, tuple(actions), groups, obs_names, rate, limits)
        except (TypeError, ValueError) as error:
            raise InputError(f"robot: {error}") from error


def load_robot(path: str | Path) -> Robot:
    """The robot that a TOML file describes.

    Raises:
        InputError: no such file, not TOML, or a mistake in it.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        table = tomllib.loads(user_path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"robot: expected a TOML file, got {str(path)!r} ({error.strerror})"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"robot: {path}: expected TOML: {error}") from error
    try:
        return Robot.from_json(table)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _expect_keys(what: str, table: Any, cls: type) -> None:
    if not isinstance(table, Mapping):
        raise InputError(f"{what}: expected a table, got {table!r}")
    known: Iterable[str] = [f.name for f in fields(cls)]
    for key in table:
        if key not in known:
            raise InputError(
                f"{what}: expected keys out of {', '.join(known)}, got {key!r}"
                f"{did_you_mean(str(key), known)}"
            )
