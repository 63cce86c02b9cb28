"""Limits of the actions sent to a robot, so that no driver can damage it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mac_control.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from mac_control.robot import Robot

#: What happens to an action that would break a limit.
ON_VIOLATION = {
    "clamp": "the nearest action that keeps the limits is sent",
    "reject": "nothing of it is sent; the robot comes to rest",
    "pass": "it is sent; only the report is made",
}
#: Limits that are set per dimension.
PER_DIM = ("velocity", "acceleration", "jerk", "step", "stall_error")

#: One number for every dimension, or a number for each group or dimension that is named.
PerDim = float | Mapping[str, float] | None


@dataclass(frozen=True)
class Limits:
    """Limits that the actions sent to a robot must keep.

    The velocity of a position target is its change per second; an action that is itself a velocity
    is its own velocity, and its changes are accelerations. All are in the units of the action.

    Args:
        velocity: largest [1/s]; None: no limit, as for all the others.
        acceleration: largest [1/s²].
        jerk: largest [1/s³].
        step: largest difference of a position target to the measured position.
        stall_error: a joint that stays this far from its target does not follow;
        stall_time: after this long [s] the robot is stopped.
        policy_timeout: longest wait for a policy's answer [s]; after it, free dimensions hold
            still until the policy answers.
        on_violation: one of :data:`ON_VIOLATION`.

    Raises:
        InputError: a number that is not above 0, or an unknown `on_violation`.

    Example:
        >>> from mac_control.robot import ActionDim, Robot
        >>> arm = Robot("arm", (ActionDim("a"), ActionDim("b")), {"both": (0, 1)})
        >>> Limits(velocity={"both": 2.0, "b": 1.0}).of(arm, "velocity").tolist()
        [2.0, 1.0]
    """

    velocity: PerDim = None
    acceleration: PerDim = None
    jerk: PerDim = None
    step: PerDim = None
    stall_error: PerDim = None
    stall_time: float = 1.0
    policy_timeout: float | None = None
    on_violation: str = "clamp"

    def __post_init__(self) -> None:
        for name in (*PER_DIM, "stall_time", "policy_timeout"):
            value = getattr(self, name)
            numbers = value.values() if isinstance(value, Mapping) else (value,)
            for number in numbers:
                wrong = isinstance(number, bool) or not isinstance(number, (int, float))
                if number is not None and (wrong or not 0 < number < np.inf):
                    raise InputError(f"limits: {name}: expected a number above 0, got {number!r}")
        if self.stall_time is None:
            raise InputError("limits: stall_time: expected a number above 0, got none")
        if self.on_violation not in ON_VIOLATION:
            raise InputError(
                f"limits: on_violation: expected one of {', '.join(ON_VIOLATION)}, "
                f"got {self.on_violation!r}{did_you_mean(str(self.on_violation), ON_VIOLATION)}"
            )

    def of(self, robot: Robot, name: str) -> np.ndarray:
        """The limit `name` of each dimension, `(D,)`; infinite where there is none.

        Raises:
            InputError: a group or dimension that the robot does not have.
        """
        value = getattr(self, name)
        found = np.full(robot.action_dim, np.inf)
        if isinstance(value, Mapping):
            # A dimension's own number takes precedence over its group's.
            for key in sorted(value, key=lambda key: key not in robot.groups):
                try:
                    found[list(robot.dims(key))] = value[key]
                except InputError as error:
                    raise InputError(f"limits: {name}: {error}") from error
        elif value is not None:
            found[:] = value
        return found

    def expect(self, robot: Robot) -> None:
        """Raise an InputError unless these limits can be kept on this robot."""
        for name in PER_DIM:
            of_dim = self.of(robot, name)
            if name not in ("step", "stall_error"):
                continue
            for dim in np.flatnonzero(np.isfinite(of_dim)):
                action = robot.actions[dim]
                if not action.is_target or action.position is None:
                    raise InputError(
                        f"limits: {name}: expected position targets whose position is observed, "
                        f"got {action.name}"
                    )

    def to_json(self) -> dict[str, Any]:
        """JSON values that :meth:`from_json` reads; limits that are not set are left out."""
        found = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None:
                found[each.name] = dict(value) if isinstance(value, Mapping) else value
        return found

    @classmethod
    def from_json(cls, record: Any) -> Limits:
        """Limits from `to_json`, or from a table of a TOML file.

        Raises:
            InputError: a key that is not known, or a value of another kind.
        """
        if not isinstance(record, Mapping):
            raise InputError(f"limits: expected a table, got {record!r}")
        known = [each.name for each in fields(cls)]
        for key in record:
            if key not in known:
                raise InputError(
                    f"limits: expected keys out of {', '.join(known)}, got {key!r}"
                    f"{did_you_mean(str(key), known)}"
                )
        return cls(**record)


#: Time in which a real robot without limits of its own may cross its range [s].
CROSSING = 1.0


def default_limits(robot: Robot) -> Limits:
    """Limits for a real robot whose description has none.

    A position target may cross its range in a second, reach that speed in a quarter of one, and
    that acceleration in a tenth. It stays within a quarter of the range of where the joint is; a
    joint that is a sixth of its range away for a second is stuck. Other dimensions reach the end of
    their range in a quarter of a second. The policy has 0.2 s for an answer.
    """
    span = {action.name: action.high - action.low for action in robot.actions}
    observed = [action.name for action in robot.actions if action.is_observed_target]
    targets = {action.name for action in robot.actions if not action.is_rate}
    crossing = {name: wide / CROSSING for name, wide in span.items() if name in targets}
    per_second = {name: wide / (CROSSING if name in targets else 1) for name, wide in span.items()}
    return Limits(
        velocity=crossing or None,
        acceleration={name: 4 * wide for name, wide in per_second.items()},
        jerk={name: 40 * wide for name, wide in per_second.items()},
        step={name: span[name] / 4 for name in observed} or None,
        stall_error={name: span[name] / 6 for name in observed} or None,
        policy_timeout=0.2,
    )


def chosen_limits(robot: Robot, real: bool, asked: str = "auto") -> Limits | None:
    """The limits that a loop keeps; None for none.

    Args:
        robot: its description may have limits.
        real: whether it is a real robot, which has limits by default.
        asked: `auto`, `off`, or one of :data:`ON_VIOLATION`, which overrides the description's.

    Raises:
        InputError: any other `asked`.
    """
    if asked not in ("auto", "off", *ON_VIOLATION):
        known = ", ".join(("auto", "off", *ON_VIOLATION))
        raise InputError(f"limits: expected one of {known}, got {asked!r}")
    if asked == "off" or (asked == "auto" and robot.limits is None and not real):
        return None
    limits = default_limits(robot) if robot.limits is None else robot.limits
    return limits if asked == "auto" else replace(limits, on_violation=asked)
