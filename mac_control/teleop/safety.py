"""What stands last between the loop and a robot that can break."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mac_control.limits import ON_VIOLATION, Limits
from mac_control.robot import Robot
from mac_control.teleop.guard import Guard
from mac_control.teleop.jog import measured
from mac_control.teleop.limiter import Limiter


class Safety:
    """Keeps a robot's limits, says which were in the way, and stops it where a joint is stuck.

    Without limits, everything passes.

    Args:
        robot: whose actions these are.
        limits: what they keep; None: nothing.
        rate: control steps per second [Hz].
        guard: told of each limit that is reached, once.
        stop: called with a sentence where a joint does not follow.
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
        """Whether the robot is not at rest, and has to be brought there."""
        return self.limiter is not None and self.limiter.moving

    @property
    def reasons(self) -> tuple[str, ...]:
        """Which limits what was asked for last would have broken, `"elbow: velocity"` say."""
        return () if self.limiter is None else self.limiter.reasons

    def start(self, at: np.ndarray, real: bool = False) -> np.ndarray:
        """An episode starts at the action `at` `(D,)`; a real robot goes on from where it was."""
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
        """What is sent of `action` `(D,)`; targets in the mask `hold` are to come to rest."""
        limiter = self.limiter
        if limiter is None:
            return action
        if self._stuck.any():  # do not push: let go of what is in the way
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
