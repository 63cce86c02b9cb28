"""What a mapping consists of: axes, buttons, clutches, and how directions become joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mac_control.errors import InputError
from mac_control.teleop.device import DeviceState


@dataclass(frozen=True)
class Axis:
    """An axis that drives an action dimension or a task-space direction.

    `dim` is given while the axis is beyond its dead zone; what is left of its way is stretched
    over [0, `scale`]. With `position`, as for leader arms, the action is instead
    `gain * (scale * axis + offset - obs[dim])`, given while a `hold` for that dimension is held,
    or always where there is none. With `action`, as for sliders, the axis is no deflection in
    [-1, 1] but the action itself, times `scale`. `rest` is where the axis lies when nobody touches
    it, -1 for many triggers; None: as the device says, which learns it when it is connected.
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
    rest: float | None = None

    def amount(self, state: DeviceState, obs: np.ndarray | None) -> float | None:
        """What the axis asks for; None where it asks for nothing.

        Raises:
            InputError: an axis that is not finite.
        """
        if self.axis not in state.axes:
            return None
        x = float(state.axes[self.axis])
        if not np.isfinite(x):
            raise InputError(f"axis {self.axis!r}: expected a finite number, got {x}")
        if self.position:
            if obs is None:
                return None
            return self.gain * (self.scale * x + self.offset - float(obs[self.dim or 0]))
        if not self.action:
            rest = state.rest.get(self.axis, 0.0) if self.rest is None else self.rest
            x = min(max(x, -1.0), 1.0) - rest
            x /= 1 - rest if x > 0 else 1 + rest
        if abs(x) <= self.dead_zone:
            return None
        if self.action:
            return self.scale * x
        return self.scale * np.sign(x) * (abs(x) - self.dead_zone) / (1 - self.dead_zone)


@dataclass(frozen=True)
class Button:
    """A button that drives a dimension or direction at `value` while it is held."""

    button: str
    dim: int | None = None
    direction: str | None = None
    value: float = 1.0
    mode: str | None = None

    def amount(self, state: DeviceState, obs: np.ndarray | None) -> float | None:
        """`value` while the button is held, else None."""
        return self.value if self.button in state.buttons else None


@dataclass(frozen=True)
class Hold:
    """A clutch, "hands on": while the button is held, `dims` are given, at 0 if not driven."""

    button: str
    dims: tuple[int, ...]
    mode: str | None = None


@dataclass(frozen=True)
class TaskSpaceOptions:
    """How directions become joint velocities; while one is driven, all of `joints` are given.

    Args:
        joints: the action dimensions that move the end effector; entry i of the observation is
            the position of joint `joints[i]`.
        site: the MuJoCo site that is driven.
        linear, angular: speed at full deflection [m/s], [rad/s].
        unit: joint velocity of an action of 1 [rad/s].
    """

    joints: tuple[int, ...]
    site: str = "end_effector"
    linear: float = 0.3
    angular: float = 1.0
    unit: float = 2.0
