"""A gamepad or joystick, through SDL."""

from __future__ import annotations

import os
import time
from typing import Any

from mac_control.errors import InputError
from mac_control.teleop.device import Device, DeviceError, DeviceState, needs
from mac_control.teleop.devices.sdl import events

# In the order of SDL's game controller, which knows how each make of gamepad is wired.
AXES = ("left_x", "left_y", "right_x", "right_y", "left_trigger", "right_trigger")
BUTTONS = (
    *("a", "b", "x", "y", "back", "guide", "start", "left_stick", "right_stick"),
    *("left_shoulder", "right_shoulder", "up", "down", "left", "right"),
)


class Gamepad(Device):
    """Axes `left_x`, ..., `right_trigger`; buttons `a`, ..., `left_shoulder`, `up`, ....

    What SDL does not know as a gamepad (flight sticks, pedals) has the axes `axis0`, ...,
    `hat0_x`, `hat0_y` and the buttons `button0`, ..., in the order of its maker; so does
    everything with `raw`.

    Args:
        index: which of those that are plugged in.
        raw: the maker's numbers instead of names.
    """

    axes = AXES
    mapping = "gamepad"

    def __init__(self, index: int = 0, raw: bool = False) -> None:
        if index < 0:
            raise InputError(f"index: expected at least 0, got {index}")
        self.index, self.raw = index, raw
        self._pygame: Any = None
        self._stick: Any = None
        self._pad: Any = None
        self._last: tuple[dict[str, float], frozenset[str]] = ({}, frozenset())
        self._changed = float("-inf")

    def connect(self) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        os.environ.setdefault("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1")
        self._pygame = pygame = needs("pygame", "gamepad")
        controller = needs("pygame._sdl2.controller", "gamepad")
        if not pygame.display.get_init() and not os.environ.get("DISPLAY"):
            os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # events need some video driver
        pygame.display.init()
        pygame.joystick.init()
        controller.init()
        events(pygame, "JOYDEVICEREMOVED", "JOYBUTTONDOWN", "CONTROLLERBUTTONDOWN")  # old news
        if pygame.joystick.get_count() <= self.index:
            raise DeviceError(
                f"gamepad {self.index}: expected it to be plugged in, "
                f"got {pygame.joystick.get_count()} gamepads; plug it in, or name another with "
                "--options index=N"
            )
        self._stick = pygame.joystick.Joystick(self.index)
        known = not self.raw and controller.is_controller(self.index)
        self._pad = controller.Controller(self.index) if known else None

    def read(self) -> DeviceState:
        pygame, stick = self._pygame, self._stick
        if stick is None:
            raise DeviceError(f"gamepad {self.index}: expected to be connected, got none")
        tapped = set()
        for event in events(pygame, "JOYDEVICEREMOVED", "JOYBUTTONDOWN", "CONTROLLERBUTTONDOWN"):
            if event.instance_id != stick.get_instance_id():
                continue
            if event.type == pygame.JOYDEVICEREMOVED:
                self.close()
                raise DeviceError(f"gamepad {self.index}: unplugged")
            if event.type == pygame.JOYBUTTONDOWN and self._pad is None:
                tapped.add(f"button{event.button}")
            elif event.type == pygame.CONTROLLERBUTTONDOWN and event.button < len(BUTTONS):
                tapped.add(BUTTONS[event.button])
        now = time.monotonic()
        axes, held = self._raw() if self._pad is None else self._named()
        buttons = held | tapped
        if (axes, buttons) != self._last:
            self._last, self._changed = (axes, buttons), now
        return DeviceState(axes, buttons, now, self._changed)

    def close(self) -> None:
        for handle in (self._pad, self._stick):
            if handle is not None:
                handle.quit()
        self._pad = self._stick = None

    def _named(self) -> tuple[dict[str, float], frozenset[str]]:
        axes = {name: self._pad.get_axis(i) / 32768 for i, name in enumerate(AXES)}
        return axes, frozenset(name for i, name in enumerate(BUTTONS) if self._pad.get_button(i))

    def _raw(self) -> tuple[dict[str, float], frozenset[str]]:
        stick = self._stick
        axes = {f"axis{i}": float(stick.get_axis(i)) for i in range(stick.get_numaxes())}
        for i in range(stick.get_numhats()):
            axes[f"hat{i}_x"], axes[f"hat{i}_y"] = map(float, stick.get_hat(i))
        held = (i for i in range(stick.get_numbuttons()) if stick.get_button(i))
        return axes, frozenset(f"button{i}" for i in held)
