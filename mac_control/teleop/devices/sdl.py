"""What happened, from SDL's one queue for all devices of the process."""

from __future__ import annotations

from typing import Any

#: Kept in the queue until the device that reads them looks.
WANTED = (
    *("KEYDOWN", "KEYUP", "WINDOWFOCUSLOST", "QUIT"),
    *("JOYDEVICEREMOVED", "JOYBUTTONDOWN", "CONTROLLERBUTTONDOWN"),
)


def events(pygame: Any, *types: str) -> list[Any]:
    """Events of `types` since the last look, in order.

    What no device reads, such as the motion of a mouse, is thrown away: else it would fill the
    queue after some minutes, and SDL drops what comes then.
    """
    pygame.event.get(exclude=[getattr(pygame, name) for name in WANTED])
    return pygame.event.get([getattr(pygame, name) for name in types], pump=False)
