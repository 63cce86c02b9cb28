"""A gamepad or joystick, through SDL."""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar

from mac_control.errors import InputError
from mac_control.teleop.device import Device, DeviceError, DeviceState, needs
from mac_control.teleop.devices.sdl import events

# In the order of SDL's game controller, which knows the layout of each make of gamepad.
AXES = ("left_x", "left_y", "right_x", "right_y", "left_trigger", "right_trigger")
BUTTONS = (
    *("a", "b", "x", "y", "back", "guide", "start", "left_stick", "right_stick"),
    *("left_shoulder", "right_shoulder", "up", "down", "left", "right"),
)
EVENTS = ("JOYDEVICEREMOVED", "JOYBUTTONDOWN", "CONTROLLERBUTTONDOWN")


class Gamepad(Device):
    """Axes `left_x`, ..., `right_trigger`; buttons `a`, ..., `left_shoulder`, `up`, ....

    Devices that SDL does not know as gamepads (flight sticks, pedals) have the axes `axis0`, ...,
    `hat0_x`, `hat0_y` and the buttons `button0`, ..., in the maker's order; so do all with
    `raw`.

    If such an axis is at -1 when the device is connected, as many triggers are, that counts as
    its rest position; the key `rest` of a mapping overrides it.

    Args:
        index: which of the gamepads plugged in (with this name).
        raw: the maker's numbers instead of names.
        name: part of the device's name; empty: any.
    """

    axes = AXES
    mapping = "gamepad"
    #: Instance -> its events that another gamepad of this process took from the shared queue.
    _open: ClassVar[dict[int, list[Any]]] = {}

    def __init__(self, index: int = 0, raw: bool = False, name: str = "") -> None:
        if index < 0:
            raise InputError(f"index: expected at least 0, got {index}")
        self.index, self.raw, self.name = index, raw, name
        self._pygame: Any = None
        self._stick: Any = None
        self._pad: Any = None
        self._instance: int | None = None
        self._guid: str | None = None  # make of the connected one, to find it again
        self._rest: dict[str, float] = {}
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
        if not self._open:
            events(pygame, *EVENTS)  # discard old events
        at, self._stick = self._chosen()
        self._instance, self._guid = self._stick.get_instance_id(), self._stick.get_guid()
        self._open[self._instance] = []
        known = not self.raw and controller.is_controller(at)
        self._pad = controller.Controller(at) if known else None
        pygame.event.pump()  # without it SDL reports 0 for every axis
        axes = {} if known else self._raw()[0]
        self._rest = {name: -1.0 for name, x in axes.items() if x < -0.9 and "hat" not in name}

    def _chosen(self) -> tuple[int, Any]:
        """Index among all, and the joystick; after a loss one of the same make."""
        joystick = self._pygame.joystick
        found = [(i, joystick.Joystick(i)) for i in range(joystick.get_count())]
        fits = [pair for pair in found if self.name.lower() in pair[1].get_name().lower()]
        what = f"gamepad {self.index}" + (f" named {self.name!r}" if self.name else "")
        if self._guid is not None:
            again = [p for p in fits if p[1].get_guid() == self._guid and not self._taken(p[1])]
            if not again:
                raise DeviceError(f"{what}: expected it to be plugged in again, got none")
            return again[0]
        if len(fits) <= self.index:
            raise DeviceError(
                f"{what}: expected it to be plugged in, got {len(fits)} gamepads; plug it in, or "
                "name another with gamepad:index=N"
            )
        if self._taken(fits[self.index][1]):
            raise DeviceError(
                f"{what}: expected one that no other device reads, got one that is read; name "
                "another with gamepad:index=N"
            )
        return fits[self.index]

    def _taken(self, stick: Any) -> bool:
        return stick.get_instance_id() in self._open

    def read(self) -> DeviceState:
        pygame, stick = self._pygame, self._stick
        if stick is None:
            raise DeviceError(f"gamepad {self.index}: expected to be connected, got none")
        tapped = set()
        for event in self._events():
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
        return DeviceState(axes, buttons, now, self._changed, self._rest)

    def _events(self) -> list[Any]:
        """Its own events from the shared queue; those of other gamepads are kept for them."""
        for event in events(self._pygame, *EVENTS):
            if event.instance_id in self._open:
                self._open[event.instance_id].append(event)
        assert self._instance is not None
        mine, self._open[self._instance] = self._open[self._instance], []
        return mine

    def close(self) -> None:
        for handle in (self._pad, self._stick):
            if handle is not None:
                handle.quit()
        if self._instance is not None:
            self._open.pop(self._instance, None)
        self._pad = self._stick = self._instance = None

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
