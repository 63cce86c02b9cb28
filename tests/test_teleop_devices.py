"""Keyboard and gamepad by real input events; a device of another package; what is missing."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from parts import Line, teleoperation

from mac_control import InputError
from mac_control.cli import run
from mac_control.demonstrations import Demonstrations, Episode, save_minari
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.policies.zero import ZeroPolicy
from mac_control.scripts import teleoperate
from mac_control.teleop import DeviceOperator, device_names, load_mapping, make_device
from mac_control.teleop.device import Device, DeviceError, DeviceState
from mac_control.teleop.devices.lerobot import LeRobot
from mac_control.teleop.options import parse_options

OBS = np.zeros(30)
# SDL keeps one video driver a process, so each test that needs its own runs in a process.
KEYBOARD = """
import pygame, subprocess, time
from mac_control.teleop import make_device
from mac_control.teleop.device import DeviceError

def press(*arguments):
    subprocess.run(["xdotool", *arguments], check=True)

def wait_for(held):
    end = time.monotonic() + 60
    while (state := device.read()).buttons != frozenset(held):
        assert time.monotonic() < end, (held, state)
        time.sleep(0.01)
    return state

with make_device("keyboard") as device:
    time.sleep(0.3)
    press("mousemove", "100", "40")  # without a window manager the pointer has the focus
    assert not device.read().buttons
    press("keydown", "q")
    before = time.monotonic()
    state = wait_for("q")
    assert abs(state.changed - before) < 5 and state.received >= state.changed
    press("keydown", "space")
    wait_for(["q", "space"])
    press("keyup", "q")
    wait_for(["space"])
    press("keyup", "space")
    wait_for([])
    press("key", "x")  # down and up before anybody looks
    while not pygame.event.peek(pygame.KEYUP):
        time.sleep(0.01)
    assert device.read().buttons == {"x"}
    assert not device.read().buttons
    try:  # a mouse that is moved for long fills SDL's queue
        for _ in range(100_000):
            pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=(1, 1), rel=(0, 0)))
    except pygame.error:
        pass
    device.read()
    press("keydown", "q")
    wait_for("q")
print("driven")
"""


@pytest.fixture
def display(tmp_path):
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("needs Xvfb and xdotool")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as file:
        number = file.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_keys_that_are_pressed_on_a_real_display_drive(display):
    pytest.importorskip("pygame")
    done = run_python(KEYBOARD, DISPLAY=display, SDL_VIDEODRIVER="x11")
    assert "driven" in done.stdout, done.stderr


def test_a_keyboard_without_a_display_is_one_sentence():
    pytest.importorskip("pygame")
    code = "from mac_control.teleop import make_device; make_device('keyboard').connect()"
    environment = {"SDL_VIDEODRIVER": "dummy"}
    done = run_python(code, **environment)
    assert "DeviceError: keyboard: expected a display" in done.stderr


def test_a_virtual_gamepad_drives_and_is_lost_and_found():
    pytest.importorskip("pygame")
    done = run_python(textwrap.dedent(GAMEPAD), SDL_VIDEODRIVER="dummy")
    if "no virtual joystick" in done.stdout:
        pytest.skip("this SDL has no virtual joystick")
    assert "driven" in done.stdout, done.stderr


# A joystick of SDL's own making: what reads it cannot tell it from one on a cable.
GAMEPAD = """
import ctypes, glob, os, sys, time
import numpy as np, pygame
from mac_control.envs import make_kitchen
from mac_control.teleop.assemble import assemble_operator
from mac_control.teleop import make_device

root = os.path.dirname(os.path.dirname(pygame.__file__))
found = glob.glob(os.path.join(root, "pygame.libs", "libSDL2-2*"))
if not found:
    sys.exit(print("no virtual joystick"))
sdl = ctypes.CDLL(found[0])
pygame.display.init(); pygame.joystick.init()
index = sdl.SDL_JoystickAttachVirtual(1, 6, 15, 0)
if index < 0:
    sys.exit(print("no virtual joystick"))
device = make_device("gamepad")
env = make_kitchen()
obs, _ = env.reset(seed=0)
operator = assemble_operator(device, env, retry=0.01)
sdl.SDL_JoystickFromInstanceID.restype = ctypes.c_void_p
stick = ctypes.c_void_p(sdl.SDL_JoystickFromInstanceID(device._stick.get_instance_id()))

assert not operator.read(obs).given.any()
sdl.SDL_JoystickSetVirtualAxis(stick, 1, ctypes.c_int16(-32768))  # the left stick pushed away
reading = operator.poll(obs)
assert reading.partial.given[:7].all() and not reading.partial.given[7:].any(), reading
assert np.abs(reading.partial.values).max() > 0.1
sdl.SDL_JoystickSetVirtualAxis(stick, 1, ctypes.c_int16(2000))  # within the dead zone
sdl.SDL_JoystickSetVirtualButton(stick, 9, ctypes.c_uint8(1))  # closes the fingers
partial = operator.read(obs)
assert np.flatnonzero(partial.given).tolist() == [7, 8]
sdl.SDL_JoystickSetVirtualButton(stick, 9, ctypes.c_uint8(0))
sdl.SDL_JoystickSetVirtualButton(stick, 3, ctypes.c_uint8(1))
reading = operator.poll(obs)
assert reading.events == ("mode",) and reading.mode == "joints"
sdl.SDL_JoystickSetVirtualAxis(stick, 1, ctypes.c_int16(-32768))
partial = operator.read(obs)
assert np.flatnonzero(partial.given).tolist() == [1] and partial.values[1] == 0.5
sdl.SDL_JoystickSetVirtualAxis(stick, 1, ctypes.c_int16(0))
for down in (1, 0):  # tapped before anybody looks
    sdl.SDL_JoystickSetVirtualButton(stick, 1, ctypes.c_uint8(down))
    sdl.SDL_JoystickUpdate()
assert operator.poll(obs).events == ("estop",)
assert operator.poll(obs).events == ()
sdl.SDL_JoystickDetachVirtual(index)
assert operator.poll(obs).status == "lost"
sdl.SDL_JoystickAttachVirtual(1, 6, 15, 0)
time.sleep(0.05)
end = time.monotonic() + 60
while operator.poll(obs).status != "live":
    assert time.monotonic() < end
    time.sleep(0.02)
print("driven")
"""


class Leader:
    """What lerobot's `Teleoperator` promises, and no more."""

    def __init__(self):
        self.joints, self.fault = {"shoulder_pan.pos": 10.0, "gripper.pos": 50.0}, None

    def connect(self, calibrate=True):
        self.connected = True

    def get_action(self):
        if self.fault:
            raise self.fault
        return dict(self.joints)

    def disconnect(self):
        self.connected = False


def test_a_leader_arm_of_lerobot_is_followed():
    arm = Leader()
    operator = DeviceOperator(LeRobot(teleoperator=arm), load_mapping("lerobot", kitchen_robot(30)))
    partial = operator.read(OBS)
    assert np.flatnonzero(partial.given).tolist() == [0, 7, 8]
    assert partial.values[0] == pytest.approx(6.25 * np.radians(10.0), rel=1e-4)
    arm.fault = RuntimeError("the motor bus is silent")
    end = time.monotonic() + 60  # it is read in a thread of its own
    while operator.poll(OBS).status != "lost":
        assert time.monotonic() < end
        time.sleep(0.005)
    operator.close()


@pytest.mark.skipif(find_spec("lerobot") is not None, reason="lerobot is installed")
def test_without_lerobot_its_robots_and_devices_are_one_sentence(capsys):
    with pytest.raises(SystemExit) as status:
        run(
            teleoperate.main,
            ["--robot", "so101_follower:port=x", "--no-cockpit", "--device", "gamepad"],
        )
    assert status.value.code == 2
    assert (
        "No module named 'lerobot'; pip install 'mac-control[lerobot]'" in capsys.readouterr().err
    )
    with pytest.raises(DeviceError, match=r"lerobot: expected the package.*mac-control\[lerobot\]"):
        LeRobot("so101_leader", port="COM3").connect()


def test_an_arm_whose_driver_is_missing_is_one_sentence(monkeypatch):
    def make(self):
        raise ModuleNotFoundError("No module named 'scservo_sdk'")

    monkeypatch.setattr(LeRobot, "_make", make)
    with pytest.raises(DeviceError, match="cannot connect: No module named 'scservo_sdk'"):
        LeRobot("so101_leader", port="COM3").connect()


class Mouse:
    """What pyspacemouse hands out: one queued report a call, the last one when there is none."""

    def __init__(self):
        self.time, self.queue, self.fault = 0.0, [], None
        self.last = self.report()

    def report(self, x=0.0, buttons=(0, 0)):
        self.time += 0.01
        names = ("x", "y", "z", "roll", "pitch", "yaw")
        return SimpleNamespace(t=self.time, **{n: x for n in names}, buttons=list(buttons))

    def read(self):
        if self.fault:
            raise self.fault
        self.last = self.queue.pop(0) if self.queue else self.last
        return self.last

    def close(self):
        self.fault = OSError("closed")


def test_a_spacemouse_answers_with_its_newest_report(monkeypatch):
    mouse = Mouse()
    library = SimpleNamespace(open=lambda: mouse)
    monkeypatch.setitem(sys.modules, "pyspacemouse", library)
    with make_device("spacemouse") as device:
        assert device.read().axes["x"] == 0
        mouse.queue = [mouse.report(x) for x in np.linspace(0, 1, 20)]
        mouse.queue[-1].buttons = [1, 0]
        state = device.read()
        assert state.axes["x"] == 1 and state.buttons == {"button0"}
        mouse.fault = OSError("no such device")
        with pytest.raises(DeviceError, match="unplugged"):
            device.read()


def test_what_is_missing_is_one_sentence():
    assert {"gamepad", "keyboard", "lerobot", "network", "spacemouse"} <= set(device_names())
    with pytest.raises(InputError, match="expected one of gamepad"):
        make_device("theremin")
    with pytest.raises(InputError, match="expected options out of"):
        make_device("network", color="red")
    with pytest.raises(InputError, match="key=value"):
        parse_options("index")
    try:
        import pyspacemouse  # noqa: F401
    except ImportError:
        with pytest.raises(DeviceError, match=r"pip install 'mac-control\[spacemouse\]'"):
            make_device("spacemouse").connect()


def test_a_device_of_another_package_is_installed_and_drives(tmp_path):
    """The example of the documentation, built and installed, found by its name."""
    page = Path(__file__).parents[1] / "docs" / "teleoperation.md"
    blocks = page.read_text().split("```")
    source = next(b for b in blocks if b.startswith("python\n# mac_control_metronome.py"))
    project = next(b for b in blocks if b.startswith("toml\n# pyproject.toml"))
    package, target = tmp_path / "metronome", tmp_path / "site"
    package.mkdir()
    (package / "mac_control_metronome.py").write_text(source.removeprefix("python\n"))
    (package / "pyproject.toml").write_text(project.removeprefix("toml\n"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--no-index", "--target", target, package], check=True)
    code = """
    import numpy as np, time
    from mac_control.teleop import DeviceOperator, device_names, load_mapping, make_device
    assert "metronome" in device_names()
    operator = DeviceOperator(make_device("metronome", period=0.2), load_mapping("network", 9))
    seen = set()
    end = time.monotonic() + 60
    while time.monotonic() < end and len(seen) < 2:
        partial = operator.read(np.zeros(30))
        assert np.flatnonzero(partial.given).tolist() == [0]
        seen.add(float(np.sign(partial.values[0])))
        time.sleep(0.01)
    assert seen == {-1.0, 1.0}, seen
    print("driven")
    """
    done = run_python(textwrap.dedent(code), PYTHONPATH=str(target))
    assert "driven" in done.stdout, done.stderr


def test_a_replay_waits_while_the_loop_is_paused_or_stopped(tmp_path, new_clock):
    clock, known = new_clock(), np.linspace(-0.5, 0.5, 12)[:, None] * np.ones(2)
    made = Demonstrations([Episode(np.zeros((12, 3)), known)])
    save_minari(made, tmp_path / "known-v0")
    device = make_device("replay", recording=str(tmp_path / "known-v0"), rate=10.0)
    device.clock = clock
    operator = DeviceOperator(device, load_mapping("network", 2), clock=clock)
    policy = ZeroPolicy(3, -np.ones(2, np.float32), np.ones(2, np.float32))
    options = {"clock": clock, "sleep": clock.sleep, "paused": True, "ramp": 1.0}
    loop, _ = teleoperation(Line(width=1.0), policy, operator, rate=10.0, **options)
    loop.run(steps=30)
    loop.post("start")
    loop.run(steps=4)
    loop.post("estop")
    loop.run(steps=7)
    loop.post("release")
    loop.run(steps=3)
    sent = [action[0] for action in loop.env.actions]
    moving = [value for value in sent if value != 0]  # stopped: 0
    assert moving == pytest.approx(known[: len(moving), 0], abs=1e-6) and len(moving) == 7


def test_a_button_that_is_held_while_an_axis_is_nonsense_is_pressed_once():
    device = Scripted({"dim0": float("nan")}, "success")
    operator = DeviceOperator(device, load_mapping("network", 2))
    readings = [operator.poll(np.zeros(3)) for _ in range(4)]
    assert [reading.status for reading in readings] == ["bad"] * 4
    assert [reading.events for reading in readings] == [("success",), (), (), ()]


class Scripted(Device):
    """Axes and buttons that are always held."""

    def __init__(self, axes, *buttons):
        self.axes_held, self.buttons = axes, frozenset(buttons)

    def connect(self): ...

    def read(self):
        now = time.monotonic()
        return DeviceState(self.axes_held, self.buttons, now, now)


def test_a_replay_runs_as_fast_as_the_loop(tmp_path, new_clock):
    clock, known = new_clock(), np.linspace(-0.5, 0.5, 12)[:, None] * np.ones(2)
    save_minari(Demonstrations([Episode(np.zeros((12, 3)), known)]), tmp_path / "known-v0")
    device = make_device("replay", recording=str(tmp_path / "known-v0"), rate=10.0)
    device.clock, device.speed = clock, 4.0
    seen = []
    for _ in range(12):
        seen.append(device.read().axes["dim0"])
        clock.sleep(1 / 40)
    assert seen == pytest.approx(known[:, 0])
