"""What an operator asks for in one step; it is read twice, before and after the policy answers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mac_control.operators.base import Operator
from mac_control.partial import PartialAction

if TYPE_CHECKING:
    from mac_control.teleop.guard import Guard

#: What failed, how, and what happens to its dimensions.
Why = tuple[str, Exception, str]


@dataclass(frozen=True)
class Reading:
    """One reading of a device: given dimensions, events of the buttons, and the device's status.

    `status` is `"live"`, `"silent"` (connected, but nothing is received), `"lost"` (unplugged) or
    `"bad"` (it sent something that is not a finite number); `why` says why it is lost or bad.
    `owner` `(D,)` is the number of the device that gives a dimension, from 1, where there are
    several.
    """

    partial: PartialAction
    events: tuple[str, ...] = ()
    status: str = "live"
    changed: float = float("-inf")
    mode: str | None = None
    why: tuple[Why, ...] = ()
    owner: np.ndarray | None = None

    @property
    def hands(self) -> np.ndarray:
        """Who has each dimension, `(D,)`: 0 is the policy, the others are devices."""
        return self.partial.given.astype(int) if self.owner is None else self.owner

    def clipped(self, low: np.ndarray, high: np.ndarray) -> Reading:
        """The same with commands within the action box."""
        values = np.clip(self.partial.values, low, high)
        return replace(self, partial=replace(self.partial, values=values))

    def renewed(self, later: Reading, takes: np.ndarray) -> Reading:
        """A later reading in one step: its commands where the mask `takes` allows, else these.

        Example:
            >>> first = Reading(PartialAction([0.1, 0.2, 0.0], [True, True, False]))
            >>> later = Reading(PartialAction([0.3, 0.0, 0.4], [True, False, True]), ("mode",))
            >>> both = first.renewed(later, np.array([True, True, False]))
            >>> both.partial.values, both.hands, both.events
            (array([0.3, 0.2, 0. ], dtype=float32), array([1, 1, 0]), ('mode',))
        """
        newer = later.partial.given & takes
        values = np.where(newer, later.partial.values, self.partial.values)
        owner = np.where(newer, later.hands, self.hands)
        return replace(later, partial=PartialAction(values, owner > 0), owner=owner)


class Readings:
    """The readings of an operator, two a step, with commands clipped to the action box.

    Args:
        guard: reads operators that may fail.
        low, high: the action box, `(D,)`.
        clock: the one that devices stamp their states with.
    """

    def __init__(
        self,
        guard: Guard,
        low: np.ndarray,
        high: np.ndarray,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.latencies: deque[float] = deque(maxlen=10_000)
        self._guard, self._box, self._clock = guard, (low, high), clock
        self._events: tuple[str, ...] = ()  # of the second reading, for the next step
        self._changed = float("-inf")

    def first(self, operator: Operator, obs: np.ndarray) -> Reading:
        """The reading that the policy gets, with all events since the last one."""
        reading = self._guard.read(operator, obs)
        assert reading is not None
        events, self._events = self._events + reading.events, ()
        return replace(reading.clipped(*self._box), events=events)

    def second(self, operator: Operator, obs: np.ndarray, first: Reading, exact: bool) -> Reading:
        """What the operator asks for now that the policy has answered, a few ms later.

        A dimension released meanwhile keeps its command: it has no filled-in value yet. One taken
        meanwhile waits if its command is to be weighed: where commands are not `exact`, or it has
        a standard deviation.
        """
        reading = self._guard.read(operator, obs, again=True)
        if reading is None:
            return first
        self._events = reading.events
        if self.stop or reading.status != "live":
            return first
        takes, std = first.partial.given, reading.partial.std
        if exact:
            takes = takes | (True if std is None else std == 0)
        return first.renewed(reading.clipped(*self._box), takes)

    @property
    def stop(self) -> bool:
        """Whether the second reading asked for a stop."""
        return "estop" in self._events

    def latency(self, reading: Reading) -> float | None:
        """The time since the operator's last change [s]; None where nothing new changed."""
        if reading.changed <= self._changed:
            return None
        self._changed = reading.changed
        self.latencies.append(max(0.0, self._clock() - reading.changed))
        return self.latencies[-1]
