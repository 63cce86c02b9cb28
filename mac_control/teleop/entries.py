"""Parts of a mapping: axes, buttons, dead-man buttons, and how directions become joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mac_control.errors import InputError
from mac_control.teleop.device import DeviceState


@dataclass(frozen=True)
class Axis:
    """An axis that drives an action dimension or a task-space direction.

    `dim` is given while the axis is beyond its dead zone; the rest of its travel is stretched
    over [0, `scale`]. With `position`, as for leader arms, the action is instead
    `gain * (scale * axis + offset - measured)`, where `measured` is the observed position that
    the dimension moves; it is given while a `dead_man` for that dimension is held, or always
    where there is none. With `action`, as for sliders, the axis is not a deflection in [-1, 1] and
    the action is `scale * axis + offset`; an axis at 0 gives it only with `at_zero`. With `jog`,
    the deflection moves a position target: by `scale` per second, from what was last sent. `rest`
    is the axis's value at rest, -1 for many triggers; None: as the device learnt it when it was
    connected. `std` is how far its value may be from what is meant, a standard deviation of `dim`
    [action units]: a policy with a density weighs it; 0 is executed bit for bit.
    """

    axis: str
    dim: int | None = None
    direction: str | None = None
    scale: float = 1.0
    dead_zone: float = 0.0
    mode: str | None = None
    position: bool = False
    gain: float = 1.0
    offset: float = 0.0
    action: bool = False
    at_zero: bool = False
    jog: bool = False
    rest: float | None = None
    std: float = 0.0

    def amount(self, state: DeviceState, measured: np.ndarray | None) -> float | None:
        """The value that the axis commands; None where it commands nothing.

        `measured` `(D,)` are the positions that the dimensions move.

        Raises:
            InputError: an axis that is not finite.
        """
        if self.axis not in state.axes:
            return None
        x = float(state.axes[self.axis])
        if not np.isfinite(x):
            raise InputError(f"axis {self.axis!r}: expected a finite number, got {x}")
        if self.position:
            if measured is None:
                return None
            return self.gain * (self.scale * x + self.offset - float(measured[self.dim or 0]))
        if not self.action:
            rest = state.rest.get(self.axis, 0.0) if self.rest is None else self.rest
            x = min(max(x, -1.0), 1.0) - rest
            x /= 1 + rest if x < 0 else 1 - rest
        if abs(x) <= self.dead_zone and not (self.action and self.at_zero):
            return None
        if self.action:
            return self.scale * x + self.offset
        return self.scale * np.sign(x) * (abs(x) - self.dead_zone) / (1 - self.dead_zone)


@dataclass(frozen=True)
class Button:
    """A button that drives a dimension or direction at `value` while it is held.

    With `jog`, it moves a position target by `value` per second, from what was last sent.
    """

    button: str
    dim: int | None = None
    direction: str | None = None
    value: float = 1.0
    mode: str | None = None
    jog: bool = False

    def amount(self, state: DeviceState, measured: np.ndarray | None) -> float | None:
        """`value` while the button is held, otherwise None."""
        return self.value if self.button in state.buttons else None


@dataclass(frozen=True)
class DeadMan:
    """A dead-man button, "hands on": while it is held, `dims` are given.

    Those that are not driven hold still: at 0, or at the last value of a position target.
    """

    button: str
    dims: tuple[int, ...]
    mode: str | None = None


@dataclass(frozen=True)
class TaskSpaceOptions:
    """How directions become joint velocities; while one is driven, all of `joints` are given.

    Args:
        joints: the action dimensions that move the end effector; their positions are observed.
        site: the MuJoCo site that is driven.
        linear, angular: speed at full deflection [m/s], [rad/s].
        unit: joint velocity of an action of 1 [rad/s]; None: as the robot's description says.
    """

    joints: tuple[int, ...]
    site: str = "end_effector"
    linear: float = 0.3
    angular: float = 1.0
    unit: float | None = None
