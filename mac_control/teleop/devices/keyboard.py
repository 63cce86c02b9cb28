"""The keyboard, through a small window that has to have the focus."""

from __future__ import annotations

import os
import time
from typing import Any

from mac_control.teleop.device import Device, DeviceError, DeviceState, needs

TEXT = ("mac-control: keyboard", "Keep this window in front and drive.")


class Keyboard(Device):
    """Keys that are held are buttons, named as SDL names them (`a`, `left`, `space`).

    A terminal cannot tell when a key is let go, a window can. One that loses the focus lets go
    of all keys.
    """

    mapping = "keyboard"

    def __init__(self) -> None:
        self._pygame: Any = None
        self._held: frozenset[str] = frozenset()
        self._changed = float("-inf")

    def connect(self) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        self._pygame = pygame = needs("pygame", "keyboard")
        try:
            pygame.display.init()
            window = pygame.display.set_mode((420, 90))
        except pygame.error as error:
            raise DeviceError(
                f"keyboard: expected a display to open a window on: {error}"
            ) from None
        if pygame.display.get_driver() in ("dummy", "offscreen"):
            raise DeviceError("keyboard: expected a display to open a window on, got none")
        pygame.display.set_caption(TEXT[0])
        window.fill((30, 34, 40))
        pygame.draw.rect(window, (76, 175, 120), (10, 10, 400, 70), 3)
        pygame.display.flip()

    def read(self) -> DeviceState:
        pygame = self._pygame
        if pygame is None or not pygame.display.get_init():
            raise DeviceError("keyboard: expected to be connected, got a closed window")
        now = time.monotonic()
        held = set(self._held)
        for event in pygame.event.get((pygame.KEYDOWN, pygame.KEYUP, pygame.WINDOWFOCUSLOST)):
            if event.type == pygame.KEYDOWN:
                held.add(pygame.key.name(event.key))
            elif event.type == pygame.KEYUP:
                held.discard(pygame.key.name(event.key))
            else:
                held.clear()
        if pygame.event.get(pygame.QUIT):
            self.close()
            raise DeviceError("keyboard: the window was closed")
        if held != self._held:
            self._held, self._changed = frozenset(held), now
        return DeviceState({}, self._held, now, self._changed)

    def close(self) -> None:
        if self._pygame is not None:
            self._pygame.display.quit()
            self._pygame = None
        self._held = frozenset()
