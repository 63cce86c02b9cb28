"""What can be asked of the loop from outside, from any thread."""

from __future__ import annotations

import queue
from typing import Any

from mac_control.errors import InputError

COMMANDS = ("start", "pause", "estop", "release", "reset", "undo", "success", "record", "policy")
COMMANDS += ("trust", "quit")


class Commands:
    """Keeps what was asked until the loop takes it.

    Example:
        >>> commands = Commands()
        >>> commands.post("undo", 2.0)
        >>> commands.take(("estop", "mode"))
        [('estop', None), ('undo', 2.0)]
    """

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def post(self, command: str, argument: Any = None) -> None:
        """Ask for something.

        Raises:
            InputError: not one of `COMMANDS`.
        """
        if command not in COMMANDS:
            raise InputError(f"command: expected one of {sorted(COMMANDS)}, got {command!r}")
        self._asked.put((command, argument))

    def take(self, events: tuple[str, ...]) -> list[tuple[str, Any]]:
        """The commands among a device's events, and those that were posted, in order."""
        # Other events, such as `mode`, the operator itself acts on.
        asked: list[tuple[str, Any]] = [(event, None) for event in events if event in COMMANDS]
        while not self._asked.empty():
            asked.append(self._asked.get())
        return asked
