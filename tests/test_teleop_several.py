"""Several devices on one robot: named, each with its options and its part, and who has what."""

import time
from typing import ClassVar

import gymnasium
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import teleoperation

from mac_control import ActionDim, InputError, Robot
from mac_control.cli import run
from mac_control.demonstrations import load_demonstrations
from mac_control.operators import Nobody
from mac_control.policies import ZeroPolicy
from mac_control.scripts import teleoperate
from mac_control.teleop import DeviceOperator, DeviceState, MultiDeviceOperator, load_mapping
from mac_control.teleop.assemble import assemble_devices
from mac_control.teleop.defaults import LAYOUTS, default_mapping
from mac_control.teleop.device import Device
from mac_control.teleop.options import DeviceSpec, device_specs


def arms():
    """Two arms of seven joints and a gripper each."""
    names = [f"{side} {part}" for side in "lr" for part in (*range(7), "grip")]
    kinds = [{"kind": "gripper" if "grip" in name else "joint_velocity"} for name in names]
    actions = tuple(ActionDim(n, **k) for n, k in zip(names, kinds, strict=True))
    groups = {"left": range(8), "right": range(8, 16)}
    return Robot("two arms", actions, groups, rate=50.0)


class Arms(gymnasium.Env):
    def __init__(self):
        self.robot = arms()
        self.observation_space = gymnasium.spaces.Box(-1, 1, (3,), np.float32)
        self.action_space = gymnasium.spaces.Box(self.robot.low, self.robot.high)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(3, np.float32), {}

    def step(self, action):
        return np.zeros(3, np.float32), 0.0, False, False, {}


class Stick(Device):
    """Something with the axes of a SpaceMouse, held where its options say."""

    mapping = "spacemouse"
    opened: ClassVar = []

    def __init__(self, x=0.0, yaw=0.0, broken=False):
        self.held, self.broken, self.closed = {"x": x, "yaw": yaw}, broken, False

    def connect(self):
        if self.broken:
            raise ValueError("no such port")
        self.opened.append(self)

    def read(self):
        now = time.monotonic()
        return DeviceState(self.held, frozenset(), now, now)

    def close(self):
        self.closed = True


class Gives(Device):
    """Gives the dimensions that the test says, by the axes of the mapping `network`."""

    def __init__(self, clock):
        self.clock, self.axes_held = clock, {}

    def connect(self): ...

    def read(self):
        return DeviceState(self.axes_held, frozenset(), self.clock(), self.clock())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gamepad", DeviceSpec("gamepad")),
        ("left=spacemouse:index=0", DeviceSpec("spacemouse", "left", {"index": 0})),
        ("my_module:Pedal", DeviceSpec("my_module:Pedal")),
        ("foot=my_module:Pedal:gain=0.5", DeviceSpec("my_module:Pedal", "foot", {"gain": 0.5})),
        ("a:url=ws://host:80/x", DeviceSpec("a", "", {"url": "ws://host:80/x"})),
        (
            "lerobot:kind=so101_leader:port=/dev/ttyACM0:mapping=my.toml:dims=arm+wrist",
            DeviceSpec(
                "lerobot",
                "",
                {"kind": "so101_leader", "port": "/dev/ttyACM0"},
                "my.toml",
                ("arm", "wrist"),
            ),
        ),
    ],
)
def test_a_device_is_named_with_its_options(text, expected):
    assert DeviceSpec.parse(text) == expected


@pytest.mark.parametrize("text", ["", ":index=1", "left=", "left=:index=1", "a:x=1:x=2", "a::x=1"])
def test_what_names_no_device_is_refused(text):
    with pytest.raises(InputError, match="expected \\[NAME=\\]KIND"):
        DeviceSpec.parse(text)


def test_options_belong_to_one_device_and_none_is_opened_twice():
    assert device_specs(["gamepad"], "index=1,raw=True")[0].options == {"index": 1, "raw": True}
    with pytest.raises(InputError, match="exactly one device, got 2; give each its own"):
        device_specs(["gamepad,keyboard"], "index=1")
    with pytest.raises(InputError, match="device keyboard: expected each one once"):
        device_specs(["keyboard", "gamepad", "again=keyboard"])
    assert len(device_specs(["gamepad:index=0", "gamepad:index=1"])) == 2


@pytest.mark.parametrize("kind", LAYOUTS)
def test_each_stick_has_the_whole_of_its_arm_and_nothing_of_the_other(kind):
    robot = arms()
    for name, mine in robot.groups.items():
        mapping = default_mapping(kind, robot, mine)
        entries = (*mapping.axes, *mapping.buttons)
        assert {entry.dim for entry in entries} == set(mine), name
        assert {dim for clutch in mapping.dead_man for dim in clutch.dims} <= set(mine)


def test_devices_with_the_name_of_a_group_drive_that_group():
    kind = f"{__name__}:Stick"
    specs = device_specs([f"left={kind}:x=1.0", f"right={kind}:x=-1.0:yaw=0.0"])
    operators = assemble_devices(specs, Arms())
    reading = MultiDeviceOperator(operators).poll(np.zeros(3))
    assert reading.partial.values[[0, 8]].tolist() == pytest.approx([1.0, -1.0])
    assert reading.partial.given.nonzero()[0].tolist() == [0, 8]
    assert reading.hands[[0, 1, 8]].tolist() == [1, 0, 2]
    # The sixth axis of a stick is the sixth joint of its own arm; one dimension alone likewise.
    (wrist,) = assemble_devices(device_specs([f"{kind}:yaw=1.0:dims=right"]), Arms())
    assert wrist.read(np.zeros(3)).given.nonzero()[0].tolist() == [13]
    (one,) = assemble_devices(device_specs([f"{kind}:x=1.0:dims=l 3"]), Arms())
    assert one.read(np.zeros(3)).given.nonzero()[0].tolist() == [3]


def test_when_one_device_is_not_there_those_before_it_are_closed():
    Stick.opened.clear()
    kind = f"{__name__}:Stick"
    with pytest.raises(ValueError, match="no such port"):
        assemble_devices(device_specs([f"a={kind}", f"b={kind}:broken=True"]), Arms())
    assert len(Stick.opened) == 1 and Stick.opened[0].closed
    with pytest.raises(InputError, match="expected groups or dimensions out of left, right"):
        assemble_devices(device_specs([f"{kind}:dims=tail"]), Arms())


@given(
    st.sampled_from(["first", "latest"]),
    st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=20),
)
def test_a_dimension_has_one_owner_by_the_rule_and_changes_hands_without_a_jump(rule, pattern):
    asked, ramp = (0.0, -0.9, 0.3, 0.8), 0.1  # of the policy, and of each device
    loop, _ = teleoperation(Arms(), ZeroPolicy(3, arms().low, arms().high), Nobody(16), ramp=ramp)
    devices = [Gives(loop._clock) for _ in range(3)]
    operators = [DeviceOperator(d, load_mapping("network", 16), clock=loop._clock) for d in devices]
    loop.operator = MultiDeviceOperator(operators, rule)
    since, last, owner, moving = [None] * 3, 0.0, 0, False
    for look, row in enumerate(pattern):
        for i, gives in enumerate(row):
            devices[i].axes_held = {"dim0": asked[i + 1]} if gives else {}
            since[i] = (look if since[i] is None else since[i]) if gives else None
        giving = [i for i in range(3) if row[i]]
        before = owner
        if giving and rule == "latest":
            owner = 1 + min(giving, key=lambda i: (-since[i], i))
        else:
            owner = 1 + giving[0] if giving else 0
        sent = loop.step().action[0]
        assert loop.transfer.hands[0] == owner
        moving |= owner != before
        assert sent == pytest.approx(asked[owner]) or moving
        assert abs(sent - last) <= 2 * ramp + 1e-6 or not moving
        moving &= sent != np.float32(asked[owner])
        last = float(sent)


def test_two_devices_drive_from_the_command_line_and_both_are_recorded(tmp_path, capsys):
    kind = f"{__name__}:Stick"
    argv = ["--env", f"{__name__}:Arms", "--no-cockpit", "--steps", "5", "--speed", "20"]
    argv += ["--device", f"left={kind}:x=1.0", "--device", f"right={kind}:x=-0.5"]
    argv += ["--patience", "60", "--record", str(tmp_path / "both-v0"), "--keep-all"]
    argv += ["--conflict", "latest"]
    with pytest.raises(SystemExit) as status:
        run(teleoperate.main, argv)
    assert status.value.code == 0, capsys.readouterr().err
    (episode,) = load_demonstrations(tmp_path / "both-v0")
    assert (episode.given.sum(axis=0) == 5).nonzero()[0].tolist() == [0, 8]
    with pytest.raises(SystemExit) as status:
        run(teleoperate.main, [*argv[:-1], "loudest"])
    assert status.value.code == 2
    assert "invalid choice 'loudest'" in capsys.readouterr().err
