"""A device with a mapping as an operator, with a watchdog between it and the robot."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from mac_control.errors import InputError
from mac_control.operators.base import Operator
from mac_control.partial import PartialAction
from mac_control.teleop.device import Device, DeviceState
from mac_control.teleop.jog import Targets
from mac_control.teleop.mapping import Mapping
from mac_control.teleop.reading import Reading
from mac_control.teleop.task_space import TaskSpace
from mac_control.teleop.threaded import ThreadedDevice

#: How long a device may be silent [s], or a control period where that is longer: programs send
#: every 50 ms.
SILENCE = 0.08
#: What happens to a silent device's dimensions.
ON_SILENCE = {
    "robot": "the robot has its dimensions",
    "hold": "its last values are held",
    "stop": "the robot stops",
}
#: Which device has a dimension that several give.
CONFLICTS = {"first": "the device that is named first", "latest": "the device that took it last"}


class DeviceOperator(Operator):
    """Drives with a device; works in rollouts and evaluations like any operator.

    Args:
        device: connected here.
        mapping: from the device's axes and buttons to dimensions.
        on_silence: `"robot"` gives the dimensions of a device that is silent, lost or sends
            nonsense back to the robot, `"hold"` keeps the last values, `"stop"` raises the event
            `estop`.
        patience: how long a device may be silent [s].
        task_space: solves directions into joints, where the mapping has any.
        period: control period [s], in which position targets move.
        retry: time between attempts to reconnect a lost device [s].
        clock: must be the one that the device stamps its states with.

    Raises:
        InputError: an option out of range, or a mapping with directions and no task space.
        DeviceError: the device is not there.
    """

    def __init__(
        self,
        device: Device,
        mapping: Mapping,
        on_silence: str = "robot",
        patience: float = SILENCE,
        task_space: TaskSpace | None = None,
        period: float = 0.05,
        retry: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if on_silence not in ON_SILENCE:
            raise InputError(
                f"on_silence: expected one of {', '.join(ON_SILENCE)}, got {on_silence!r}"
            )
        if not patience > 0:
            raise InputError(f"patience: expected a time above 0 s, got {patience}")
        if mapping.task_space is not None and task_space is None:
            raise InputError("task_space: expected one for a mapping with directions, got none")
        self.device = ThreadedDevice(device) if device.blocks else device
        self.name = type(device).__name__  # its name in error reports
        self.mapping = mapping
        self.on_silence, self.patience, self.retry = on_silence, patience, retry
        self.mode = self.device.mode = mapping.modes[0] if mapping.modes else None
        self._task_space, self._clock = task_space, clock
        self._targets = None if mapping.robot is None else Targets(mapping.robot, period)
        self._nothing = PartialAction.nothing(mapping.action_dim)
        self._last = Reading(self._nothing)
        self._held: frozenset[str] = frozenset()
        self._lost_at: float | None = None
        self.device.connect()

    def reset(self, seed: int | None = None) -> None:
        self.device.reset()
        if self._targets is not None:
            self._targets.reset()

    def idles(self, now: bool) -> None:
        """Report whether the robot is at rest `now`; what is executed otherwise, `sent` reports."""
        self.device.idle = now
        if self._targets is not None:
            self._targets.reported = True

    def sent(self, action: np.ndarray, mine: np.ndarray | None = None) -> None:
        """Report that this action `(D,)` was executed: position targets continue from it.

        A device with motors is driven to it, except in the dimensions that it has itself: those in
        the mask `mine`, by default what it gave last.
        """
        if self._targets is not None:
            self._targets.sent(action)
        mine = self._last.partial.given if mine is None else mine
        try:
            self.device.feedback(self.mapping.inverse(action, ~mine))
        except Exception:  # it is lost, as the next reading will show
            with suppress(Exception):
                self.device.close()

    def read(self, obs: np.ndarray) -> PartialAction:
        return self.poll(obs).partial

    def poll(self, obs: np.ndarray) -> Reading:
        """Read the device once; never raises for a device's errors."""
        try:
            state = self._state(self._clock())
        except Exception as error:  # an error of its library, or a bug in the device
            return self._without("lost", error=error)
        if state is None:
            return self._without("lost")
        pressed = state.buttons - self._held
        # `received` is in the future if the clock has jumped back since.
        if not abs(self._clock() - state.received) <= self.patience:
            # A stop counts, however old it is; a sender that has gone holds nothing any more.
            stop = pressed & {self.mapping.events.get("estop")}
            self._held = (self._held | stop) & state.buttons
            return self._without("silent", ("estop",) if stop else ())
        self._held = state.buttons
        events = tuple(e for e, button in self.mapping.events.items() if button in pressed)
        if "mode" in events and self.mapping.modes:
            modes = self.mapping.modes
            self.mode = modes[(modes.index(self.mode or modes[0]) + 1) % len(modes)]
            self.device.mode = self.mode
        try:
            partial = self._partial(state, obs)
        except Exception as error:
            return self._without("bad", events, error)
        self._last = Reading(partial, events, "live", state.changed, self.mode)
        return self._last

    def close(self) -> None:
        self.device.close()

    def _state(self, now: float) -> DeviceState | None:
        if self._lost_at is not None:
            if 0 <= now - self._lost_at < self.retry:
                return None
            self._lost_at = now
            self.device.connect()
        try:
            state = self.device.read()
            if not isinstance(state, DeviceState):
                raise TypeError(f"expected a DeviceState, got {state!r:.100}")
        except Exception:
            self._lost_at = now
            with suppress(Exception):  # closing may fail too
                self.device.close()
            raise
        self._lost_at = None
        return state

    def _partial(self, state: DeviceState, obs: np.ndarray) -> PartialAction:
        driven = self.mapping(state, self.mode, obs)
        values, given = driven.values, driven.given
        if self._targets is not None:
            kept = driven.jogged | (driven.held & self._targets.latched)
            if kept.any():
                values = np.where(kept, values + self._targets.move(driven.rates, obs), values)
        if driven.twist is not None and self._task_space is not None:
            joints = list(self._task_space.options.joints)
            values, given = values.copy(), given.copy()
            values[joints] = self._task_space.solve(obs, driven.twist)
            given[joints] = True
        return PartialAction(values, given, driven.std)

    def _without(
        self, status: str, events: tuple[str, ...] = (), error: Exception | None = None
    ) -> Reading:
        if status == "lost":  # otherwise a button still held is the same press
            self._held = frozenset()
        partial = self._last.partial if self.on_silence == "hold" else self._nothing
        # Only a device that was in use stops the robot, and only once.
        if (
            self.on_silence == "stop"
            and self._last.status == "live"
            and self._last.changed > -np.inf
        ):
            events = (*events, "estop")
        who, then = f"device {self.name}", ON_SILENCE[self.on_silence]
        why = () if error is None else ((who, error, then),)
        self._last = Reading(partial, events, status, mode=self.mode, why=why)
        return self._last


class MultiDeviceOperator(Operator):
    """Several devices on one robot.

    Where several give a dimension, the rule `conflict` decides which has it: `"first"`, the one
    that comes first, or `"latest"`, the one that took it last, as long as it gives it.

    Args:
        operators: in order of priority for `"first"`.
        conflict: one of :data:`CONFLICTS`.

    Raises:
        InputError: no operator, or an unknown rule.
    """

    def __init__(self, operators: list[DeviceOperator], conflict: str = "first") -> None:
        if not operators:
            raise InputError("operators: expected at least one, got none")
        if conflict not in CONFLICTS:
            raise InputError(f"conflict: expected one of {', '.join(CONFLICTS)}, got {conflict!r}")
        self.operators, self.conflict = operators, conflict
        dims = operators[0].mapping.action_dim
        self._gave = np.zeros((len(operators), dims), bool)
        self._since = np.zeros((len(operators), dims), int)  # reading at which it began to give
        self._looks = 0
        self._owner = np.zeros(dims, int)

    def reset(self, seed: int | None = None) -> None:
        for operator in self.operators:
            operator.reset(seed)

    def idles(self, now: bool) -> None:
        """Report whether the robot is at rest `now`: paused or stopped."""
        for operator in self.operators:
            operator.idles(now)

    def sent(self, action: np.ndarray) -> None:
        """This action `(D,)` was executed."""
        for number, operator in enumerate(self.operators, 1):
            operator.sent(action, self._owner == number)

    def read(self, obs: np.ndarray) -> PartialAction:
        return self.poll(obs).partial

    def poll(self, obs: np.ndarray) -> Reading:
        """What all of them give, and all their events; silent only if all are."""
        readings = [operator.poll(obs) for operator in self.operators]
        gave = np.array([reading.partial.given for reading in readings])  # (N, D)
        self._looks += 1
        self._since[gave & ~self._gave] = self._looks
        self._gave = gave
        rank = gave * (1 + self._since if self.conflict == "latest" else 1)
        first = rank.argmax(axis=0)  # the first among equal ranks
        given = gave.any(axis=0)
        self._owner = np.where(given, first + 1, 0)
        values = np.array([reading.partial.values for reading in readings])[
            first, np.arange(len(first))
        ]
        std = PartialAction.stack([reading.partial for reading in readings]).std
        if std is not None:
            std = std[first, np.arange(len(first))]
        said = {r.status for r in readings}
        status = next(s for s in ("bad", "lost", "live", "silent") if s in said)
        return Reading(
            PartialAction(np.where(given, values, 0.0), given, std),
            tuple(event for r in readings for event in r.events),
            status,
            max(r.changed for r in readings),
            next((r.mode for r in readings if r.mode), None),
            tuple(why for r in readings for why in r.why),
            self._owner,
        )

    def close(self) -> None:
        for operator in self.operators:
            operator.close()


def poll(operator: Operator, obs: np.ndarray, again: bool = False) -> Reading | None:
    """A reading of any operator; with `again`, a second one in a step, None unless it is a device.

    Reading a device costs nothing and changes nothing; another operator may count its readings.
    """
    if isinstance(operator, DeviceOperator | MultiDeviceOperator):
        return operator.poll(obs)
    return None if again else Reading(operator.read(obs))


def report(operator: Operator, resting: bool, action: np.ndarray | None = None) -> None:
    """Report the executed `action` `(D,)`, and whether the robot is at rest, to a device."""
    if isinstance(operator, DeviceOperator | MultiDeviceOperator):
        if action is not None:
            operator.sent(action)
        operator.idles(resting)
