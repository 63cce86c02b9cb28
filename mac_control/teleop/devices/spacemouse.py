"""A 3Dconnexion SpaceMouse, through pyspacemouse."""

from __future__ import annotations

import time
from typing import Any

from mac_control.teleop.device import Device, DeviceError, DeviceState, needs

#: Reports that can have gathered between two looks; it sends about 100 a second.
REPORTS = 64
AXES = ("x", "y", "z", "roll", "pitch", "yaw")


class SpaceMouse(Device):
    """Six axes in [-1, 1]: `x`, `y`, `z`, `roll`, `pitch`, `yaw`; buttons `button0`, ...."""

    axes = AXES
    mapping = "spacemouse"

    def __init__(self) -> None:
        self._mouse: Any = None
        self._last: tuple[dict[str, float], frozenset[str]] = ({}, frozenset())
        self._changed = float("-inf")

    def connect(self) -> None:
        library = needs("pyspacemouse", "spacemouse")
        try:
            self._mouse = library.open()
        except Exception as error:  # its own errors, and those of the HID library below it
            raise DeviceError(f"spacemouse: expected one plugged in: {error}") from error
        if not self._mouse:
            raise DeviceError("spacemouse: expected one plugged in, got none")

    def read(self) -> DeviceState:
        if self._mouse is None:
            raise DeviceError("spacemouse: expected to be connected, got none")
        try:
            state = self._mouse.read()
            for _ in range(REPORTS):  # each call takes one report: the newest is wanted
                last, state = state, self._mouse.read()
                if state.t == last.t:
                    break
        except Exception as error:
            self.close()
            raise DeviceError(f"spacemouse: unplugged: {error}") from error
        now = time.monotonic()
        axes = {name: float(getattr(state, name)) for name in AXES}
        buttons = frozenset(f"button{i}" for i, held in enumerate(state.buttons) if held)
        if (axes, buttons) != self._last:
            self._last, self._changed = (axes, buttons), now
        return DeviceState(axes, buttons, now, self._changed)

    def close(self) -> None:
        if self._mouse is not None:
            self._mouse.close()
            self._mouse = None
