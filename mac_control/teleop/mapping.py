"""Mappings: which axis and button of a device drives which action dimension."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import numpy as np

from mac_control.errors import InputError
from mac_control.robot import Robot
from mac_control.teleop.device import DeviceState
from mac_control.teleop.entries import Axis, Button, DeadMan, TaskSpaceOptions
from mac_control.teleop.jog import measured

#: Task-space directions of the end effector, in the base frame: translations, then rotations.
DIRECTIONS = ("x", "y", "z", "roll", "pitch", "yaw")
#: What a button can do besides driving.
EVENTS = ("estop", "mode", "pause", "quit", "record", "release", "reset", "success", "undo")
#: Beyond every action box, and well within single precision.
FAR = 1e6


@dataclass(frozen=True)
class Driven:
    """What a device state drives: values and mask `(D,)`, and a twist `(6,)` in [-1, 1] or None.

    `rates` `(D,)` move the position targets of dimensions in the mask `jogged` `(D,)` [action
    units per second]; dimensions in the mask `held` `(D,)` are given, but nothing drives them.
    `std` `(D,)` are the values' standard deviations [action units]; None: all are exact.
    """

    values: np.ndarray
    given: np.ndarray
    twist: np.ndarray | None
    rates: np.ndarray
    jogged: np.ndarray
    held: np.ndarray
    std: np.ndarray | None = None


@dataclass(frozen=True)
class Mapping:
    """Turns device states into action dimensions; see `docs/teleoperation.md` for the file.

    Args:
        axes, buttons, dead_man: the parts that drive dimensions.
        events: event -> button that raises it.
        modes: names; the event `mode` goes to the next one.
        task_space: needed where a direction is driven.
        robot: the robot with these dimensions; needed where one of them is jogged. If it is None,
            entry d of an observation counts as the position of dimension d.
        echo: axes that the device is driven along where it has motors; default: `axes`.

    Raises:
        InputError: something unknown, duplicated or out of range.

    Example:
        >>> from mac_control.teleop.mapping_file import parse_mapping
        >>> mapping = parse_mapping({"axis": [{"axis": "x", "dim": 1, "scale": 0.5}]}, 3)
        >>> driven = mapping(DeviceState({"x": -1.0}))
        >>> driven.values.tolist(), driven.given.tolist()
        ([0.0, -0.5, 0.0], [False, True, False])
    """

    action_dim: int
    axes: tuple[Axis, ...] = ()
    buttons: tuple[Button, ...] = ()
    dead_man: tuple[DeadMan, ...] = ()
    events: dict[str, str] = field(default_factory=dict)
    modes: tuple[str, ...] = ()
    task_space: TaskSpaceOptions | None = None
    robot: Robot | None = None
    echo: tuple[Axis, ...] = ()

    def __post_init__(self) -> None:
        for entry in (*self.axes, *self.buttons):
            what = f"{type(entry).__name__.lower()} {next(iter(vars(entry).values()))!r}"
            if (entry.dim is None) == (entry.direction is None):
                raise InputError(f"{what}: expected either dim or direction, got both or neither")
            if entry.dim is not None:
                self._check_dims(what, (entry.dim,))
            elif entry.direction not in DIRECTIONS:
                raise InputError(
                    f"{what}: expected a direction of {', '.join(DIRECTIONS)}, "
                    f"got {entry.direction!r}"
                )
            elif self.task_space is None:
                raise InputError(f"{what}: expected a [task_space] section, got none")
            self._check_mode(what, entry.mode)
            for key in ("scale", "value", "gain", "offset"):
                if not np.isfinite(getattr(entry, key, 0.0)):
                    raise InputError(f"{what}: expected a finite {key}, got {getattr(entry, key)}")
            rest = getattr(entry, "rest", None)
            if rest is not None and not -1 <= rest < 1:
                raise InputError(f"{what}: expected rest in [-1, 1), got {rest}")
            if not 0 <= getattr(entry, "dead_zone", 0.0) < 1:
                raise InputError(f"{what}: expected dead_zone in [0, 1), got {entry.dead_zone}")
            if not getattr(entry, "std", 0.0) >= 0:
                raise InputError(f"{what}: expected std of at least 0, got {entry.std}")
            for key in ("position", "jog", "std"):
                if getattr(entry, key, False) and entry.dim is None:
                    raise InputError(f"{what}: expected a dim for {key}, got a direction")
            self._check_robot(what, entry)
        for clutch in self.dead_man:
            self._check_dims(f"dead_man {clutch.button!r}", clutch.dims)
            self._check_mode(f"dead_man {clutch.button!r}", clutch.mode)
        for event in self.events:
            if event not in EVENTS:
                raise InputError(f"events: expected some of {', '.join(EVENTS)}, got {event!r}")
        if self.task_space is not None:
            self._check_dims("task_space joints", self.task_space.joints)

    def __call__(
        self, state: DeviceState, mode: str | None = None, obs: np.ndarray | None = None
    ) -> Driven:
        """What `state` drives in `mode`.

        Raises:
            InputError: an axis that is not finite.
        """
        values, rates, std = np.zeros((3, self.action_dim), np.float32)
        given, driven, jogged = np.zeros((3, self.action_dim), bool)
        twist = np.zeros(6)
        turning = False
        mode = mode or (self.modes[0] if self.modes else None)
        if obs is not None and self.robot is not None:
            obs = measured(self.robot, obs)
        held = [
            dim
            for clutch in self.dead_man
            if clutch.button in state.buttons and clutch.mode in (None, mode)
            for dim in clutch.dims
        ]
        given[held] = True
        for entry in (*self.axes, *self.buttons):
            amount = entry.amount(state, obs) if entry.mode in (None, mode) else None
            if amount is None or self._let_go(entry, held):
                continue
            amount = min(max(amount, -FAR), FAR)
            if entry.dim is not None:
                (rates if entry.jog else values)[entry.dim] += amount
                given[entry.dim] = driven[entry.dim] = True
                jogged[entry.dim] |= entry.jog
                std[entry.dim] = max(std[entry.dim], getattr(entry, "std", 0.0))
            else:
                twist[DIRECTIONS.index(entry.direction or "")] += amount
                turning = True
        turned = twist.clip(-1, 1) if turning else None
        soft = std if std.any() else None
        return Driven(values, given, turned, rates, jogged, given & ~driven, soft)

    def inverse(self, action: np.ndarray, dims: np.ndarray) -> dict[str, float]:
        """Values of the axes that would command `action` `(D,)`, for dimensions in the mask `dims`.

        Only for axes that are actions, as those of a leader arm; others have no such value.
        """
        found = {}
        for axis in self.echo or self.axes:
            if axis.action and axis.dim is not None and axis.scale and dims[axis.dim]:
                found[axis.axis] = (float(action[axis.dim]) - axis.offset) / axis.scale
        return found

    def only(self, dims: Collection[int]) -> Mapping:
        """The part of the mapping that drives only these dimensions.

        Directions of the end effector are kept where all joints that they move are among them.

        Raises:
            InputError: no part of it drives them.
        """
        task = self.task_space
        if task is not None and not set(task.joints) <= set(dims):
            task = None

        def kept(entry: Axis | Button) -> bool:
            return task is not None if entry.dim is None else entry.dim in dims

        axes = tuple(axis for axis in self.axes if kept(axis))
        buttons = tuple(button for button in self.buttons if kept(button))
        clutches = [(c, tuple(d for d in c.dims if d in dims)) for c in self.dead_man]
        dead_man = tuple(replace(c, dims=found) for c, found in clutches if found)
        if not (axes or buttons or dead_man):
            raise InputError(
                f"mapping: expected some that drives dimensions {sorted(dims)}, got none"
            )
        echo = self.echo or self.axes
        return replace(
            self, axes=axes, buttons=buttons, dead_man=dead_man, task_space=task, echo=echo
        )

    def _let_go(self, entry: Axis | Button, held: list[int]) -> bool:
        # A position is tracked only while its clutch is held, where it has one.
        follows = isinstance(entry, Axis) and entry.position and entry.dim not in held
        return follows and any(entry.dim in clutch.dims for clutch in self.dead_man)

    def _check_dims(self, what: str, dims: tuple[int, ...]) -> None:
        bad = [d for d in dims if isinstance(d, bool) or not 0 <= d < self.action_dim]
        if bad or not dims or len(set(dims)) < len(dims):
            raise InputError(
                f"{what}: expected different dimensions from 0 to {self.action_dim - 1}, "
                f"got {list(dims)}"
            )

    def _check_robot(self, what: str, entry: Axis | Button) -> None:
        if entry.jog and self.robot is None:
            raise InputError(f"{what}: expected a robot for jog, got a number of dimensions")
        if getattr(entry, "position", False) and self.robot is not None:
            action = self.robot.actions[entry.dim or 0]
            if action.position is None:
                raise InputError(
                    f"{what}: expected a dimension whose position is observed, got {action.name}"
                )

    def _check_mode(self, what: str, mode: str | None) -> None:
        if mode is not None and mode not in self.modes:
            raise InputError(f"{what}: expected a mode of {list(self.modes)}, got {mode!r}")
