"""Events from SDL's single queue for all devices of the process."""

from __future__ import annotations

from typing import Any

#: Kept in the queue until their device reads them.
WANTED = (
    *("KEYDOWN", "KEYUP", "WINDOWFOCUSLOST", "QUIT"),
    *("JOYDEVICEREMOVED", "JOYBUTTONDOWN", "CONTROLLERBUTTONDOWN"),
)


def events(pygame: Any, *types: str) -> list[Any]:
    """Events of `types` since the last reading, in order.

    Events that no device reads, such as mouse motion, are thrown away: otherwise they would fill
    the queue after some minutes, and SDL would drop later ones.
    """
    pygame.event.get(exclude=[getattr(pygame, name) for name in WANTED])
    return pygame.event.get([getattr(pygame, name) for name in types], pump=False)
