"""A gamepad or joystick, through SDL."""

from __future__ import annotations

import os
import time
from typing import Any

from mac_control.errors import InputError
from mac_control.teleop.device import Device, DeviceError, DeviceState, needs


class Gamepad(Device):
    """Axes `axis0`, `axis1`, ..., `hat0_x`, `hat0_y`; buttons `button0`, ....

    Args:
        index: which of the gamepads that are plugged in.
    """

    axes = ("axis0", "axis1", "axis2", "axis3", "axis4", "axis5", "hat0_x", "hat0_y")
    mapping = "gamepad"

    def __init__(self, index: int = 0) -> None:
        if index < 0:
            raise InputError(f"index: expected at least 0, got {index}")
        self.index = index
        self._pygame: Any = None
        self._stick: Any = None
        self._last: tuple[dict[str, float], frozenset[str]] = ({}, frozenset())
        self._changed = float("-inf")

    def connect(self) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        os.environ.setdefault("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1")
        self._pygame = pygame = needs("pygame", "gamepad")
        if not pygame.display.get_init() and not os.environ.get("DISPLAY"):
            os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # events need some video driver
        pygame.display.init()
        pygame.joystick.init()
        pygame.event.get((pygame.JOYDEVICEADDED, pygame.JOYDEVICEREMOVED))
        if pygame.joystick.get_count() <= self.index:
            raise DeviceError(
                f"gamepad {self.index}: expected it to be plugged in, "
                f"got {pygame.joystick.get_count()} gamepads"
            )
        self._stick = pygame.joystick.Joystick(self.index)

    def read(self) -> DeviceState:
        pygame, stick = self._pygame, self._stick
        if stick is None:
            raise DeviceError(f"gamepad {self.index}: expected to be connected, got none")
        pygame.event.pump()
        removed = pygame.event.get(pygame.JOYDEVICEREMOVED)
        if any(event.instance_id == stick.get_instance_id() for event in removed):
            self.close()
            raise DeviceError(f"gamepad {self.index}: unplugged")
        now = time.monotonic()
        axes = {f"axis{i}": float(stick.get_axis(i)) for i in range(stick.get_numaxes())}
        for i in range(stick.get_numhats()):
            axes[f"hat{i}_x"], axes[f"hat{i}_y"] = map(float, stick.get_hat(i))
        buttons = frozenset(
            f"button{i}" for i in range(stick.get_numbuttons()) if stick.get_button(i)
        )
        if (axes, buttons) != self._last:
            self._last, self._changed = (axes, buttons), now
        return DeviceState(axes, buttons, now, self._changed)

    def close(self) -> None:
        if self._stick is not None:
            self._stick.quit()
            self._stick = None
