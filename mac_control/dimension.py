"""One action dimension of a robot."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from mac_control.errors import InputError, did_you_mean

#: What an action dimension can be.
KINDS = ("joint_velocity", "joint_position", "ee_delta", "gripper", "other")

#: Units in which an action and the position that it moves are the same number; `%` of a range.
LENGTHS = ("rad", "m", "deg", "%")


@dataclass(frozen=True)
class ActionDim:
    """One action dimension.

    Args:
        name: as in the robot's model or data; unique in a robot.
        low, high: ends of its range, in action units.
        kind: one of :data:`KINDS`.
        unit: of the action, e.g. `"rad/s"`; empty where unknown.
        label: name for people; default: the name.
        position: index of the observed entry that it moves; None: not observed, or unknown.
        gain: feedback on that position in trackers, retrieval and corrections
            [action units per position unit]; 0: none.
        travel: how far the position moves in a control step per action unit
            [position units per action unit]; 0: unknown.

    Raises:
        InputError: an unknown kind, a range that is empty or not a number, a negative gain.
    """

    name: str
    low: float = -1.0
    high: float = 1.0
    kind: str = "other"
    unit: str = ""
    label: str = ""
    position: int | None = None
    gain: float = 0.0
    travel: float = 0.0

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("action: expected a name for each dimension, got an empty one")
        if self.kind not in KINDS:
            raise InputError(
                f"action {self.name}: kind: expected one of {', '.join(KINDS)}, got {self.kind!r}"
                f"{did_you_mean(self.kind, KINDS)}"
            )
        for name in ("low", "high", "gain", "travel"):
            if not isinstance(getattr(self, name), Real):
                raise InputError(
                    f"action {self.name}: {name}: expected a number, got {getattr(self, name)!r}"
                )
        if not (np.isfinite((self.low, self.high)).all() and self.low < self.high):
            raise InputError(
                f"action {self.name}: expected finite numbers, low below high, "
                f"got {self.low} and {self.high}"
            )
        for name in ("gain", "travel"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"action {self.name}: {name}: expected at least 0, got {value}")
        at = self.position
        if at is not None and not (isinstance(at, (int, np.integer)) and at >= 0):
            raise InputError(
                f"action {self.name}: position: expected an index of an observation, got {at!r}"
            )
        if not self.label:
            object.__setattr__(self, "label", self.name)

    @property
    def is_target(self) -> bool:
        """Whether it is a position target, which holds still at its last value, not at 0.

        Joint positions are, and grippers whose range shows that they are not a velocity.

        Example:
            >>> ActionDim("a", kind="joint_position").is_target, ActionDim("b").is_target
            (True, False)
        """
        grips = self.kind == "gripper" and not self.low < 0 < self.high
        return self.kind == "joint_position" or grips

    @staticmethod
    def target_kind(gripper: bool, low: float, high: float) -> str:
        """The kind of a position target: a gripper's that straddles 0 would count as a velocity.

        Example:
            >>> ActionDim.target_kind(True, 0, 100), ActionDim.target_kind(True, -100, 100)
            ('gripper', 'joint_position')
        """
        return "gripper" if gripper and not low < 0 < high else "joint_position"

    @property
    def is_rate(self) -> bool:
        """Whether the action is itself a velocity: of a joint, a gripper or the end effector."""
        velocity = self.kind in ("joint_velocity", "ee_delta")
        return velocity or (self.kind == "gripper" and not self.is_target)

    @property
    def is_observed_target(self) -> bool:
        """Whether it is a position target whose position is observed in the same unit."""
        return self.is_target and self.position is not None and self.unit in LENGTHS
