"""Triggers that rest at -1, and two devices of a kind."""

import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mac_control.cli import run
from mac_control.scripts import devices
from mac_control.teleop import make_device
from mac_control.teleop.device import DeviceError, DeviceState
from mac_control.teleop.mapping_file import parse_mapping
from mac_control.teleop.options import device_specs


@given(st.floats(-1, 1), st.sampled_from([-1.0, -0.5, 0.0, 0.3]), st.booleans())
def test_an_axis_drives_from_where_it_rests(x, rest, learnt):
    row = {"axis": "t", "dim": 0, "dead_zone": 0.1} | ({} if learnt else {"rest": rest})
    mapping = parse_mapping({"axis": [row]}, 1)
    learn = {"t": rest} if learnt else {"t": -0.123}  # the mapping's own counts
    assert not mapping(DeviceState({"t": rest}, rest=learn)).given.any()
    assert mapping(DeviceState({"t": 1.0}, rest=learn)).values[0] == 1
    driven = mapping(DeviceState({"t": x}, rest=learn)).values[0]
    assert -1 <= driven <= 1 and driven * (x - rest) >= 0


# Joysticks of SDL's own making: what reads them cannot tell them from some on a cable.
PADS = """
import ctypes, glob, os, sys
import pygame
from mac_control.teleop import make_device
from mac_control.teleop.device import DeviceError

root = os.path.dirname(os.path.dirname(pygame.__file__))
found = glob.glob(os.path.join(root, "pygame.libs", "libSDL2-2*"))
if not found:
    sys.exit(print("no virtual joystick"))
sdl = ctypes.CDLL(found[0])
sdl.SDL_JoystickOpen.restype = ctypes.c_void_p
pygame.display.init(); pygame.joystick.init()
for _ in range(2):
    if sdl.SDL_JoystickAttachVirtual(1, 6, 15, 0) < 0:
        sys.exit(print("no virtual joystick"))
sticks = [ctypes.c_void_p(sdl.SDL_JoystickOpen(i)) for i in range(2)]
sdl.SDL_JoystickSetVirtualAxis(sticks[1], 2, ctypes.c_int16(-32768))  # one more
sdl.SDL_JoystickUpdate()
first, second = (make_device("gamepad", index=i, raw=True) for i in range(2))
first.connect(); second.connect()
triggers = {"axis4": -1.0, "axis5": -1.0}  # SDL's own
assert dict(first.read().rest) == triggers
assert dict(second.read().rest) == {"axis2": -1.0, **triggers}
third = make_device("gamepad", index=1, raw=True)
try:
    third.connect()
    raise SystemExit("taken twice")
except DeviceError as error:
    assert "that no other device reads" in str(error), error
for number, stick in enumerate(sticks):
    for down in (1, 0):  # tapped before anybody looks
        sdl.SDL_JoystickSetVirtualButton(stick, number, ctypes.c_uint8(down))
        sdl.SDL_JoystickUpdate()
assert first.read().buttons == {"button0"} and second.read().buttons == {"button1"}
sdl.SDL_JoystickDetachVirtual(0)
for device in (second, first):
    try:
        device.read()
        assert device is second
    except DeviceError as error:
        assert device is first and "unplugged" in str(error)
try:
    first.connect()  # the second is the first of those that are left, and is not taken for it
    raise SystemExit("took the other one")
except DeviceError as error:
    assert "plugged in again" in str(error), error
sdl.SDL_JoystickAttachVirtual(1, 6, 15, 0)
first.connect()
assert first.read().buttons == set()
print("told apart")
"""


def test_two_gamepads_are_told_apart_and_triggers_rest_where_they_lie():
    pytest.importorskip("pygame")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PADS)],
        capture_output=True,
        text=True,
        env={**os.environ, "SDL_VIDEODRIVER": "dummy"},
        timeout=120,
    )
    if "no virtual joystick" in done.stdout:
        pytest.skip("this SDL has no virtual joystick")
    assert "told apart" in done.stdout, done.stderr


class Mouse:
    """What pyspacemouse hands out."""

    def __init__(self, serial):
        self.serial_number, self.closed = serial, False

    def close(self):
        self.closed = True


def test_two_spacemice_are_told_apart_by_index_or_serial(monkeypatch):
    serials = ["A1", "B2"]

    def version_1(DeviceNumber=0):
        return Mouse(serials[DeviceNumber if DeviceNumber < len(serials) else 0])

    def version_2(device_index=0):
        return Mouse(serials[device_index])

    for library in (version_1, version_2):
        monkeypatch.setitem(sys.modules, "pyspacemouse", SimpleNamespace(open=library))
        first, second = make_device("spacemouse"), make_device("spacemouse", serial="B2")
        first.connect()
        second.connect()
        with pytest.raises(DeviceError, match=r"that no other device reads|expected one plugged"):
            make_device("spacemouse", index=2).connect()
        with pytest.raises(DeviceError, match=r"no other device reads|of that serial|plugged in"):
            make_device("spacemouse", serial="C3").connect()
        first.close()
        second.close()


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("network:port=abc", "port: expected a whole number, got 'abc'"),
        ("network:port=1.5", "port: expected a whole number, got 1.5"),
        ("network:port=None", "port: expected a whole number, got None"),
        ("network:port=True", "port: expected a whole number, got True"),
        ("network:remote=1", "remote: expected True or False, got 1"),
        ("network:token=1.5", "token: expected text or None, got 1.5; put it in quotes"),
        ("gamepad:index=x", "index: expected a whole number, got 'x'"),
        ("spacemouse:index=x", "index: expected a whole number, got 'x'"),
        ("replay:recording=builtin:rate=x", "rate: expected a number or None, got 'x'"),
        ("replay:recording=builtin:rate=0", "rate: expected a number above 0, got 0"),
        ("replay:recording=builtin:rate=-4", "rate: expected a number above 0, got -4"),
        ("gamepad,left=spacemouse", "expected one device, got the list"),
        ("replay:recording=builtin:clock=foo", "expected options out of recording, rate"),
    ],
)
def test_an_option_of_another_type_is_refused(spec, reason, capsys):
    with pytest.raises(SystemExit) as status:
        run(devices.main, ["--show", spec, "--seconds", "0.1"])
    assert status.value.code == 2 and reason in capsys.readouterr().err


@pytest.mark.parametrize("token", ["1234567890123456", "0x12345678901234", "1_000_000_000_000_000"])
def test_a_token_of_digits_stays_as_it_is(token):
    (spec,) = device_specs([f"network:host=0.0.0.0:port=0:remote=True:token={token}"])
    assert make_device(spec.kind, **spec.options)._token == token
