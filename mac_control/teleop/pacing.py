"""Real time: deadlines that do not drift, and how well they are met."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from mac_control.errors import InputError
from mac_control.robot import Robot

#: Control rate where neither the user nor the robot states one [Hz].
DEFAULT_RATE = 20.0


def rate_of(robot: Robot | None) -> float:
    """The control rate of a robot [Hz]."""
    known = None if robot is None else robot.rate
    return DEFAULT_RATE if known is None else known


def share_promptly() -> None:
    """Give the loop's thread the interpreter within 0.5 ms of asking, not the default 5 ms.

    The threads that serve a page would otherwise delay an action by as much.
    """
    sys.setswitchinterval(5e-4)


class Pacer:
    """Wakes at `start + k * period`, however long the work in between took.

    A deadline that has passed is an overrun: the next one is then the first in the future, so
    that no burst of steps makes up for lost ones. A clock that jumps ahead is such an overrun; one
    that jumps back costs a period.

    Args:
        rate: control steps per second [Hz].
        speed: multiple of real time, for accelerated tests.
        clock, sleep: `time.monotonic` and `time.sleep`, or a test's own.
    """

    KEPT = 1000

    def __init__(
        self,
        rate: float,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not (np.isfinite(rate) and rate > 0 and np.isfinite(speed) and speed > 0):
            raise InputError(f"rate and speed: expected numbers above 0, got {rate} and {speed}")
        self.period = 1.0 / (rate * speed)
        self._clock, self._sleep = clock, sleep
        self.steps = 0
        self.overruns = 0
        self._slack = 0.0  # how much longer than requested a sleep lasts, low side [s]
        self._work = 0.0  # how long the work before a deadline takes, high side [s]
        self._late: deque[float] = deque(maxlen=self.KEPT)
        self.restart()

    def restart(self) -> None:
        """Set the next deadline one period from now."""
        self._deadline = self._clock() + self.period

    def wake(self) -> None:
        """Sleep until the deadline is as far off as the work before it takes; see `took`."""
        self._sleep_until(self._work)

    def took(self, seconds: float) -> None:
        """Tell how long the work before the deadline took."""
        longer = seconds - self._work  # rises fast, falls slowly
        self._work += (0.2 if longer > 0 else 0.02) * longer
        self._work = min(max(0.0, self._work), self.period)  # clocks may jump

    def _sleep_until(self, ahead: float) -> None:
        left = self._deadline - self._clock() - ahead - self._slack
        if left > 0:
            self._sleep(min(left, self.period))  # more than a period: the clock jumped back
            longer = min(self._clock() - (self._deadline - ahead), 1e-3)  # beyond 1 ms is not slack
            self._slack = max(0.0, self._slack + (0.1 if longer < 0 else 0.01) * longer)

    def wait(self) -> float:
        """Sleep until the deadline, and set the next; returns the lateness [s]."""
        self._sleep_until(0.0)
        now = self._clock()
        if now < self._deadline - self.period:
            self._deadline = now
        late = max(0.0, now - self._deadline)
        self.steps += 1
        self._late.append(late)
        self._deadline += self.period
        if late >= self.period:
            missed = int(late / self.period)
            self.overruns += missed
            self._deadline += missed * self.period
        return late

    def jitter(self) -> tuple[float, float]:
        """Median and 99th percentile of the lateness of recent steps [s]."""
        if not self._late:
            return 0.0, 0.0
        median, high = np.percentile(self._late, (50, 99))
        return float(median), float(high)
