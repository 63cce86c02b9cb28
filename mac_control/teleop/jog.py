"""Position targets: how they hold still, and how a deflection moves them."""

from __future__ import annotations

import numpy as np

from mac_control.robot import Robot


def latched(robot: Robot) -> np.ndarray:
    """Dimensions that hold still at their last value, not at 0: `(D,)` boolean.

    Joint positions, and grippers whose range shows that they are not a velocity.

    Example:
        >>> from mac_control.robot import ActionDim
        >>> latched(Robot("arm", (ActionDim("a", kind="joint_position"), ActionDim("b")))).tolist()
        [True, False]
    """
    return np.array([action.is_target for action in robot.actions])


def measured(robot: Robot, obs: np.ndarray) -> np.ndarray:
    """The observed position that each dimension moves, `(D,)`; NaN where it is not observed."""
    found = np.full(robot.action_dim, np.nan)
    for dim, action in enumerate(robot.actions):
        if action.position is not None:
            found[dim] = obs[action.position]
    return found


def standing(robot: Robot, obs: np.ndarray) -> np.ndarray:
    """The action that holds still before any was sent, `(D,)`.

    A position target is the observed position where both have the same unit, such as rad; otherwise
    0, or the nearest value in the box.
    """
    target = np.array([action.is_observed_target for action in robot.actions])
    where = measured(robot, obs)
    start = np.where(target & np.isfinite(where), where, 0.0)
    return np.clip(start, robot.low, robot.high).astype(np.float32)


class Targets:
    """Where the position targets of a robot are, and where a deflection moves them.

    They are the last values sent, if those are reported (`sent`), otherwise the last values
    requested here.

    Args:
        robot: the robot with these targets.
        period: control period [s].

    `reported` says that what is sent is reported, or will be: requests alone then move nothing.
    """

    def __init__(self, robot: Robot, period: float) -> None:
        self.robot, self.period = robot, period
        self.latched = latched(robot)
        self.reported = False
        self.reset()

    def reset(self) -> None:
        """Start an episode: the targets are unknown."""
        self._last: np.ndarray | None = None

    def sent(self, action: np.ndarray) -> None:
        """This action `(D,)` was executed."""
        self.reported, self._last = True, np.array(action, np.float32)

    def move(self, rates: np.ndarray, obs: np.ndarray) -> np.ndarray:
        """Targets `(D,)` one period later, for rates `(D,)` [action units per second]."""
        start = standing(self.robot, obs) if self._last is None else self._last
        moved = start + np.asarray(rates) * self.period
        target = np.clip(moved, self.robot.low, self.robot.high).astype(np.float32)
        if not self.reported:
            self._last = target
        return target
