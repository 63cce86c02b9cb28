"""The keyboard, through a small window that needs the focus."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from mac_control.teleop.device import Device, DeviceError, DeviceState, needs
from mac_control.teleop.devices import panel
from mac_control.teleop.devices.sdl import events
from mac_control.teleop.keys import Row, key_table
from mac_control.teleop.mapping import Mapping

TITLE = "mac-control: keyboard"


class Keyboard(Device):
    """Keys that are held are buttons, named as SDL names them (`a`, `left`, `space`).

    A terminal cannot tell when a key is released, a window can. A window that loses the focus
    releases all keys.
    """

    mapping = "keyboard"

    def __init__(self) -> None:
        self._pygame: Any = None
        self._held: set[str] = set()
        self._last: frozenset[str] = frozenset()
        self._changed = float("-inf")
        self._table: list[Row] = []
        self._events: dict[str, str] = {}
        self._shown: Any = None

    def explain(self, mapping: Mapping, labels: Sequence[str]) -> None:
        """Show in the window what the keys of a mapping do."""
        self._table, self._events = key_table(mapping, labels), dict(mapping.events)

    def connect(self) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        self._pygame = pygame = needs("pygame", "keyboard")
        try:
            pygame.display.init()
            pygame.display.set_mode(panel.SIZE)
        except pygame.error as error:
            raise DeviceError(
                f"keyboard: expected a display to open a window on: {error}"
            ) from None
        if pygame.display.get_driver() in ("dummy", "offscreen"):
            raise DeviceError("keyboard: expected a display to open a window on, got none")
        pygame.display.set_caption(TITLE)
        self._shown = None
        self._show()

    def read(self) -> DeviceState:
        pygame = self._pygame
        if pygame is None or not pygame.display.get_init():
            raise DeviceError("keyboard: expected to be connected, got a closed window")
        now = time.monotonic()
        tapped = set()
        for event in events(pygame, "KEYDOWN", "KEYUP", "WINDOWFOCUSLOST", "QUIT"):
            if event.type == pygame.KEYDOWN:
                tapped.add(pygame.key.name(event.key))
                self._held.add(pygame.key.name(event.key))
            elif event.type == pygame.KEYUP:
                self._held.discard(pygame.key.name(event.key))
            elif event.type == pygame.WINDOWFOCUSLOST:
                self._held.clear()
            else:
                self.close()
                raise DeviceError("keyboard: the window was closed")
        buttons = frozenset(self._held | tapped)
        if buttons != self._last:
            self._last, self._changed = buttons, now
        self._show()
        return DeviceState({}, buttons, now, self._changed)

    def _show(self) -> None:
        """Draw the window, if its contents would change."""
        focus = bool(self._pygame.key.get_focused())
        said = panel.lines(self._table, self._events, self.mode, sorted(self._held), focus)
        if (said, focus) != self._shown:
            self._shown = said, focus
            panel.draw(self._pygame, said, focus, sorted(self._held))

    def close(self) -> None:
        if self._pygame is not None:
            self._pygame.display.quit()
            self._pygame = None
        self._held.clear()
