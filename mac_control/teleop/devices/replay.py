"""Replays the given dimensions of a recording."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from mac_control.demonstrations import load_demonstrations
from mac_control.demonstrations.rate import recorded_rate
from mac_control.errors import InputError
from mac_control.robot import Robot
from mac_control.teleop.device import Device, DeviceState
from mac_control.teleop.pacing import DEFAULT_RATE


class Replay(Device):
    """Axis `dimN` and button `mineN` for each dimension that was given, step by step.

    Each reset starts the next episode, and after the last one the first again. A plain data set,
    which has no record of given dimensions, gives every dimension. After the last step of an
    episode nothing is given. It waits while the loop is paused or stopped.

    Args:
        recording: anything that `--data` reads.
        rate: steps per second it was recorded at [Hz]; None: as the recording says.

    Raises:
        DataError: no such recording.
        InputError: a rate that is not above 0.
    """

    mapping = "network"

    def __init__(self, recording: str | Path, rate: float | None = None) -> None:
        if rate is not None and not 0 < rate < np.inf:
            raise InputError(f"rate: expected a number above 0, got {rate}")
        recorded = load_demonstrations(recording, obs="recorded", failed=True)
        self._episodes = [(episode.actions, episode.given) for episode in recorded]
        self._rate = rate or recorded_rate(recorded) or DEFAULT_RATE
        self._robot, self._dims = recorded.robot, recorded.action_dim
        self.clock = time.monotonic  # must be the loop's clock
        self.speed = 1.0  # of the loop, as a multiple of real time
        self._episode = -1
        self._began: float | None = None
        self._read_at = 0.0

    def expect_robot(self, robot: Robot) -> None:
        if self._dims != robot.action_dim:
            raise InputError(
                f"recording: expected the {robot.action_dim} action dimensions of {robot.name}, "
                f"got {self._dims}; give a recording of this robot"
            )
        if self._robot is not None and self._robot.name != robot.name:
            print(f"recording: it is of {self._robot.name}; this is {robot.name}", file=sys.stderr)

    def connect(self) -> None:
        self._began = None

    def reset(self) -> None:
        self._episode = (self._episode + 1) % len(self._episodes)
        self._began = None

    def read(self) -> DeviceState:
        now = self.clock()
        if self._began is None:  # time runs from the first reading, not from the reset
            self._began = now
        elif self.idle:
            self._began += now - self._read_at
        self._read_at = now
        values, given = self._episodes[max(self._episode, 0)]
        rate = self._rate * self.speed
        step = round((now - self._began) * rate)  # readings come a little early or late
        if step >= len(values):
            return DeviceState({}, frozenset(), now, self._began + len(values) / rate)
        dims = np.flatnonzero(given[step])
        return DeviceState(
            {f"dim{d}": float(values[step, d]) for d in dims},
            frozenset(f"mine{d}" for d in dims),
            now,
            self._began + step / rate,
        )
