"""A 3Dconnexion SpaceMouse, through pyspacemouse."""

from __future__ import annotations

import inspect
import time
import weakref
from typing import Any, ClassVar

from mac_control.errors import InputError
from mac_control.teleop.device import Device, DeviceError, DeviceState, needs

#: Most reports that can queue up between two readings; it sends about 100 a second.
REPORTS = 64
#: How many are searched for a serial number.
MOST = 16
AXES = ("x", "y", "z", "roll", "pitch", "yaw")


class SpaceMouse(Device):
    """Six axes in [-1, 1]: `x`, `y`, `z`, `roll`, `pitch`, `yaw`; buttons `button0`, ....

    Args:
        index: which of the SpaceMice plugged in.
        serial: serial number, instead of an index; empty: any.
    """

    axes = AXES
    mapping = "spacemouse"
    #: The SpaceMice that this process reads.
    _open: ClassVar[weakref.WeakSet[SpaceMouse]] = weakref.WeakSet()

    def __init__(self, index: int = 0, serial: str = "") -> None:
        if index < 0:
            raise InputError(f"index: expected at least 0, got {index}")
        self.index, self.serial = index, serial
        self._mouse: Any = None
        self._last: tuple[dict[str, float], frozenset[str]] = ({}, frozenset())
        self._changed = float("-inf")

    def connect(self) -> None:
        library = needs("pyspacemouse", "spacemouse")
        self._mouse = self._opened(library, self.index) if not self.serial else None
        for index in range(MOST) if self.serial else ():
            mouse = self._opened(library, index)
            if str(getattr(mouse, "serial_number", "")) == self.serial:
                self._mouse = mouse
                break
            mouse.close()
        if self._mouse is None:
            raise DeviceError(f"spacemouse {self.serial}: expected one of that serial, got others")
        taken = [each for each in self._open if each is not self and each._is(self._mouse)]
        if taken:
            self._mouse = None  # closing it would close the other device's
            raise DeviceError(
                f"spacemouse {self.serial or self.index}: expected one that no other device reads, "
                "got one that is read; name another, as in spacemouse:index=1 or :serial=TEXT"
            )
        self._open.add(self)

    def _opened(self, library: Any, index: int) -> Any:
        # Version 1's DeviceNumber is version 2's device_index.
        known = inspect.signature(library.open).parameters if index else {}
        name = "device_index" if "device_index" in known else "DeviceNumber"
        try:
            mouse = library.open(**({name: index} if index else {}))
        except Exception as error:  # its own errors, and those of its HID library
            raise DeviceError(f"spacemouse {index}: expected one plugged in: {error}") from error
        if not mouse:
            raise DeviceError(f"spacemouse {index}: expected one plugged in, got none")
        return mouse

    def _is(self, mouse: Any) -> bool:
        """Whether it already reads this one: version 1 opens the first where there is no second."""
        ours = self._mouse
        return ours is not None and (ours is mouse or _identity(ours) == _identity(mouse) != "")

    def read(self) -> DeviceState:
        if self._mouse is None:
            raise DeviceError("spacemouse: expected to be connected, got none")
        try:
            state = self._mouse.read()
            for _ in range(REPORTS):  # each call takes one report; the newest is needed
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
            self._open.discard(self)


def _identity(mouse: Any) -> str:
    """Its USB path, or its serial number; empty where neither is known."""
    path = getattr(getattr(mouse, "device", None), "path", None)
    return str(path or getattr(mouse, "serial_number", None) or "")
