"""The last check between the loop and a real robot."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mac_control.limits import ON_VIOLATION, Limits
from mac_control.robot import Robot
from mac_control.teleop.guard import Guard
from mac_control.teleop.jog import measured
from mac_control.teleop.limiter import Limiter


class Safety:
    """Keeps a robot's limits, reports which applied, and stops the robot if a joint is stuck.

    Without limits, everything passes.

    Args:
        robot: the robot that is driven.
        limits: the limits to keep; None: none.
        rate: control steps per second [Hz].
        guard: called with each limit that is reached, once.
        stop: called with a message when a joint does not follow.
    """

    def __init__(
        self,
        robot: Robot,
        limits: Limits | None,
        rate: float,
        guard: Guard,
        stop: Callable[[str], None],
    ) -> None:
        self.robot = robot
        self.limiter = None if limits is None else Limiter(robot, limits, rate)
        self._guard, self._stop = guard, stop
        self._stuck = np.zeros(robot.action_dim, bool)
        self._started = False

    @property
    def coasting(self) -> bool:
        """Whether the robot is not at rest, and has to be brought to rest."""
        return self.limiter is not None and self.limiter.moving

    @property
    def reasons(self) -> tuple[str, ...]:
        """Limits that the last requested action would have broken, e.g. `"elbow: velocity"`."""
        return () if self.limiter is None else self.limiter.reasons

    def start(self, at: np.ndarray, real: bool = False) -> np.ndarray:
        """Start an episode at the action `at` `(D,)`; a real robot goes on from where it was."""
        if self.limiter is None:
            return at
        if not (real and self._started):
            self.limiter.reset(at)
        self._started = True
        return self.limiter.last.astype(np.float32)

    def release(self) -> None:
        """After a stop: joints that were stuck may try again."""
        self._stuck[:] = False
        if self.limiter is not None:
            self.limiter.forgive()

    def send(
        self, action: np.ndarray, obs: np.ndarray, hold: np.ndarray | None = None
    ) -> np.ndarray:
        """The action to send for `action` `(D,)`; targets in the mask `hold` come to rest."""
        limiter = self.limiter
        if limiter is None:
            return action
        if self._stuck.any():  # stop pushing against an obstacle
            where = np.clip(measured(self.robot, obs), limiter.low, limiter.high)
            action = np.where(self._stuck, where, action).astype(np.float32)
            hold = None if hold is None else hold & ~self._stuck
        sent = limiter.send(action, obs, hold)
        for reason in limiter.reasons:
            dim, _, limit = reason.rpartition(": ")
            then = ON_VIOLATION[limiter.limits.on_violation]
            self._guard.note(dim, f"limit of {limit} reached", then)
        stuck = limiter.stalled(obs) & ~self._stuck
        if stuck.any():
            self._stuck |= stuck
            names = ", ".join(self.robot.labels[d] for d in np.flatnonzero(stuck))
            self._guard.note(names, "does not follow", "the robot is stopped")
            self._stop(f"Stopped: {names} does not follow")
        return sent
