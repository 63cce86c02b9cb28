"""Commands to the loop, from any thread."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mac_control.errors import InputError
from mac_control.policies.trusted import trusting

if TYPE_CHECKING:
    from mac_control.teleop.loop import Teleoperation


def _pause(loop: Teleoperation, _: Any) -> None:
    loop.paused = not loop.paused
    loop.transfer.restart()


def _start(loop: Teleoperation, _: Any) -> None:
    if loop.paused:
        _pause(loop, None)


def _estop(loop: Teleoperation, _: Any) -> None:
    loop.stopped = True


def _release(loop: Teleoperation, _: Any) -> None:
    if loop.stopped:
        loop.stopped = False
        loop.safety.release()
        loop.transfer.restart()


def _record(loop: Teleoperation, _: Any) -> None:
    loop.recording = loop.recorder is not None and not loop.recording
    loop.notify(f"Recording is {'on' if loop.recording else 'off'}")


def _policy(loop: Teleoperation, policy: Any) -> None:
    loop.use(policy)
    loop.restart_policy()
    loop.transfer.restart(rest=False)


def _trust(loop: Teleoperation, trust: Any) -> None:
    trusting(loop.policy, trust)  # it must fit the policy
    loop.trust = trust
    loop.use(loop.policy)  # it goes on as it is
    loop.transfer.restart(rest=False)


def _quit(loop: Teleoperation, _: Any) -> None:
    loop.quit = True


#: Command -> what it does to the loop, given its argument.
COMMANDS: dict[str, Callable[[Teleoperation, Any], None]] = {
    "start": _start,
    "pause": _pause,
    "estop": _estop,
    "release": _release,
    "reset": lambda loop, _: loop.reset(),
    "undo": lambda loop, seconds: loop.undo(seconds),
    "success": lambda loop, _: loop.reset(success=True),
    "record": _record,
    "policy": _policy,
    "trust": _trust,
    "quit": _quit,
}


class Commands:
    """Keeps commands until the loop takes them.

    Example:
        >>> commands = Commands()
        >>> commands.post("undo", 2.0)
        >>> commands.take(("estop", "mode"))
        [('estop', None), ('undo', 2.0)]
    """

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def post(self, command: str, argument: Any = None) -> None:
        """Queue a command.

        Raises:
            InputError: not one of `COMMANDS`.
        """
        if command not in COMMANDS:
            raise InputError(f"command: expected one of {sorted(COMMANDS)}, got {command!r}")
        self._asked.put((command, argument))

    def take(self, events: tuple[str, ...]) -> list[tuple[str, Any]]:
        """The commands among a device's events, then those that were posted, in order."""
        # The operator itself handles other events, such as `mode`.
        asked: list[tuple[str, Any]] = [(event, None) for event in events if event in COMMANDS]
        while not self._asked.empty():
            asked.append(self._asked.get())
        return asked
