"""LeRobot's own robots and teleoperators, with the package itself; skips where it is not installed.

They run in an environment of their own, since LeRobot asks for other versions than ours:
docs/lerobot.md says how to make one.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lerobot", reason="needs lerobot, in an environment of its own")
os.environ.setdefault("HF_LEROBOT_HOME", tempfile.mkdtemp(prefix="lerobot"))
pytestmark = pytest.mark.filterwarnings("ignore")  # what LeRobot's own imports warn of

from parts import Gives  # noqa: E402

from mac_control import InputError, PartialAction  # noqa: E402
from mac_control.cli import run  # noqa: E402
from mac_control.demonstrations import load_demonstrations  # noqa: E402
from mac_control.envs import make_env, robot_of  # noqa: E402
from mac_control.envs.lerobot import LeRobotEnv, motor_ranges  # noqa: E402
from mac_control.errors import EpisodeError  # noqa: E402
from mac_control.policies import Policy, ZeroPolicy  # noqa: E402
from mac_control.scripts import teleoperate  # noqa: E402
from mac_control.teleop import Teleoperation  # noqa: E402
from mac_control.teleop.assemble import assemble_operator, own_mapping  # noqa: E402
from mac_control.teleop.defaults import LAYOUTS  # noqa: E402
from mac_control.teleop.device import DeviceError  # noqa: E402
from mac_control.teleop.devices.lerobot import POSE, LeRobot, inputs  # noqa: E402

PLUGINS = Path(__file__).parents[1] / "plugins"


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory):
    """The simulated arm, installed as a user would, where it is not."""
    try:
        import lerobot_robot_so101_sim
    except ImportError:
        target = tmp_path_factory.mktemp("site")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        source = str(PLUGINS / "lerobot_robot_so101_sim")
        subprocess.run([*pip, "--no-build-isolation", "--target", target, source], check=True)
        sys.path.insert(0, str(target))
        import lerobot_robot_so101_sim
    return lerobot_robot_so101_sim


class Waves(Policy):
    """Swings every joint, each at its own pace."""

    obs_dim = 6

    def __init__(self, robot, period):
        self.low, self.high, self.period, self.steps = robot.low, robot.high, period, 0

    def complete(self, obs, partial):
        self.steps += 1
        phase = self.steps * self.period * np.arange(1, 7) / 2
        action = np.where(np.arange(6) < 5, 25 * np.sin(phase), 50)
        return np.broadcast_to(np.float32(action), partial.values.shape)


def rig(new_clock, policy=None, limits="off", **options):
    """A robot, a leader, and time that passes only as they are stepped."""
    clock, env = new_clock(), make_env("lerobot:kind=so101_sim")
    device = LeRobot("so101_sim_leader", **options)
    device.blocks = False
    leader = device.teleoperator()
    leader.clock = clock
    operator = assemble_operator(device, env, patience=1e9)
    policy = policy or Waves(env.unwrapped.robot, 1 / 30)
    said = []
    loop = Teleoperation(
        env, policy, operator, clock=clock, sleep=clock.sleep, limits=limits, say=said.append
    )
    return loop, leader, said


def test_a_robot_of_a_plug_in_is_an_environment_with_its_description():
    env = make_env("lerobot:kind=so101_sim:fps=25", max_episode_steps=4)
    robot = robot_of(env)
    assert [a.label for a in robot.actions][:2] == ["shoulder_pan", "shoulder_lift"]
    assert robot.rate == 25 and robot.actions[5].kind == "gripper"
    obs, _ = env.reset(seed=0)
    goal = np.float32([30, -20, 10, 5, -40, 80])
    for _ in range(4):
        obs, _, _, truncated, info = env.step(goal)
    assert truncated and np.array_equal(info["sent"], goal)
    for _ in range(40):
        obs, *_ = env.step(goal)
    assert obs == pytest.approx(goal, abs=1.0)
    again, _ = env.reset()
    assert np.array_equal(again, obs)  # a reset moves nothing
    env.close()
    assert not env.unwrapped.device.is_connected


def test_a_robot_that_is_lost_ends_the_driving_in_one_sentence(new_clock):
    loop, _, _ = rig(new_clock)
    loop.run(steps=3)
    loop.env.unwrapped.device.disconnect()
    with pytest.raises(EpisodeError, match=r"environment LeRobotEnv.*is not connected"):
        loop.step()
    loop.close()


def test_the_robots_own_limits_hold_too_and_what_it_sent_is_what_was_executed(new_clock):
    env = make_env("lerobot:kind=so101_sim:max_relative_target=5.0")
    clock, robot = new_clock(), env.unwrapped.robot
    far = PartialAction.of({"shoulder_pan.pos": 90.0}, robot)
    loop = Teleoperation(
        env, ZeroPolicy(6, robot.low, robot.high), Gives(far), ramp=1.0, limits="off",
        clock=clock, sleep=clock.sleep,
    )  # fmt: skip
    step = loop.step()
    assert step.action[0] == pytest.approx(5.0, abs=0.1) and step.values[0] == 90
    loop.close()
    env.close()


def test_what_lerobot_does_not_know_or_lacks_is_one_sentence():
    with pytest.raises(InputError, match=r"expected a robot out of .*so101_sim.*did you mean"):
        LeRobotEnv("so101_simm")
    with pytest.raises(InputError, match=r"so101_sim: cannot be configured.*colour"):
        LeRobotEnv("so101_sim", colour="red")
    with pytest.raises(InputError, match="neither; name one, as in lerobot:kind=so101_follower"):
        LeRobotEnv()
    with pytest.raises(InputError, match=r"bi_so_leader: cannot be configured: .*Missing required"):
        LeRobot("bi_so_leader").teleoperator()


def test_the_ranges_of_real_motors_follow_from_how_lerobot_normalizes_them():
    from types import SimpleNamespace

    from lerobot.motors import Motor, MotorCalibration, MotorNormMode

    motors = {
        "elbow": Motor(1, "sts3215", MotorNormMode.DEGREES),
        "wrist": Motor(2, "sts3215", MotorNormMode.RANGE_M100_100),
        "gripper": Motor(3, "sts3215", MotorNormMode.RANGE_0_100),
    }
    bus = SimpleNamespace(motors=motors, model_resolution_table={"sts3215": 4096})
    turn = MotorCalibration(id=1, drive_mode=0, homing_offset=0, range_min=1024, range_max=3071)
    found = motor_ranges(SimpleNamespace(bus=bus, calibration={"elbow": turn}))
    assert found["elbow"] == (pytest.approx(-90, abs=0.1), pytest.approx(90, abs=0.1), "deg")
    assert found["wrist"] == (-100.0, 100.0, "%") and found["gripper"] == (0.0, 100.0, "%")
    assert "elbow" not in motor_ranges(SimpleNamespace(bus=bus, calibration={}))


def test_a_leader_drives_the_joints_of_its_names_while_a_hand_is_on_it(new_clock):
    loop, leader, _ = rig(new_clock)
    assert not loop.step().given.any()
    leader.hold(elbow_flex=25.0)
    loop.run(steps=40)
    step = loop.step()
    assert step.given.all()  # a leader says where all of its joints are
    assert step.action[2] == pytest.approx(25, abs=1) and step.values[2] == step.action[2]
    leader.hold()
    assert not loop.step().given.any()
    loop.close()


@pytest.mark.parametrize("feedback", [True, False])
def test_a_leader_with_motors_is_where_the_robot_is_when_it_is_taken(new_clock, feedback):
    loop, leader, said = rig(new_clock, feedback=feedback)
    loop.run(steps=60)
    assert not said
    sent = loop.step().action
    away = np.abs(np.array(list(leader.arm.positions().values())) - sent)
    assert (away.max() < 6) if feedback else (away.max() > 15)
    # Of a joint that is driven through another device, the leader is told too.
    leader.hold(shoulder_pan=float(leader.arm.positions()["shoulder_pan"]))
    loop.run(steps=2)
    assert not leader.arm.driven.any()  # all of it is the person's now
    leader.hold()
    loop.run(steps=2)
    assert leader.arm.driven.all() == feedback
    loop.close()


def test_events_of_a_teleoperator_end_episodes(new_clock):
    from lerobot.teleoperators.utils import TeleopEvents

    loop, leader, _ = rig(new_clock)
    loop.run(steps=3)
    leader.press(TeleopEvents.SUCCESS)
    loop.run(steps=2)
    assert loop.episode == 1
    leader.press(TeleopEvents.RERECORD_EPISODE)
    loop.run(steps=2)
    assert loop.episode == 2
    leader.disconnect()  # its cable is pulled, and then it is there again
    said = loop.step()
    assert said.status == "lost" and not said.given.any()
    loop.close()


def test_phones_gamepads_and_keyboards_are_read_as_they_answer():
    from lerobot.teleoperators.keyboard.teleop_keyboard import KeyboardTeleop
    from lerobot.utils.rotation import Rotation

    pose = {
        "phone.pos": np.array([0.15, 0.0, -0.3]),
        "phone.rot": Rotation.from_rotvec(np.array([0.0, 0.6, 0.0])),
        "phone.raw_inputs": {"a3": 0.5, "b1": 1, "move": True},
        "phone.enabled": True,
    }
    axes, buttons = inputs(pose)
    assert [axes[name] for name in POSE] == pytest.approx([1, 0, -2, 0, 1, 0])
    assert axes["phone.raw_inputs.a3"] == 0.5
    assert {"phone.enabled", "phone.raw_inputs.move"} <= buttons
    axes, _ = inputs({**pose, "phone.enabled": False})
    assert not set(axes) & set(POSE)
    keyboard = LeRobot("keyboard").teleoperator()
    assert isinstance(keyboard, KeyboardTeleop)
    keyboard.event_queue.put(("q", True))
    keyboard._drain_pressed_keys()
    held = {key for key, down in keyboard.current_pressed.items() if down}
    assert inputs(dict.fromkeys(held)) == ({}, {"q"})


@pytest.mark.parametrize(
    ("kind", "layout"),
    [
        ("keyboard", "lerobot-keyboard"),
        ("keyboard_ee", "lerobot-deltas"),
        ("gamepad", "lerobot-deltas"),
        ("phone", "lerobot-phone"),
    ],
)
def test_teleoperators_that_are_no_leaders_have_a_mapping_for_any_robot(kind, layout):
    device = LeRobot(kind)
    try:
        device.teleoperator()
    except DeviceError as error:
        pytest.skip(str(error))
    assert device.layout == layout in LAYOUTS
    robot = make_env("lerobot:kind=so101_sim").unwrapped.robot
    mapping = own_mapping(device, robot)
    assert {entry.dim for entry in (*mapping.axes, *mapping.buttons)} == set(range(6))


def test_a_phone_is_lerobots_own(monkeypatch):
    """The real class; only its pose comes from here instead of from a phone's browser."""
    try:
        phone = LeRobot("phone", phone_os="android").teleoperator()
    except DeviceError as error:
        pytest.skip(str(error))
    inner = phone._phone_impl
    at = np.eye(4)
    inner._teleop = object()  # connected
    inner._android_callback(at, {"move": True})
    inner.calibrate()
    inner.get_action()
    moved = at.copy()
    moved[0, 3] = 0.075
    inner._android_callback(moved, {"move": True, "scale": 1.0})
    device = LeRobot(teleoperator=phone)
    device.connect()
    state = device.read()
    assert state.axes["phone.x"] == pytest.approx(0.5) and "phone.enabled" in state.buttons
    inner._android_callback(moved, {"move": False})
    assert "phone.x" not in device.read().axes


def test_from_the_command_line_two_joints_are_held_and_the_rest_is_recorded(tmp_path, capsys):
    leader = "lerobot:kind=so101_sim_leader:holds=shoulder_pan+elbow_flex"
    argv = ["--robot", "so101_sim", "--device", f"{leader}:dims=shoulder_pan+elbow_flex"]
    argv += ["--no-cockpit", "--steps", "30", "--patience", "5", "--record", str(tmp_path / "mine")]
    with pytest.raises(SystemExit) as status:
        run(teleoperate.main, argv)
    out = capsys.readouterr()
    assert status.value.code == 0, out.err
    assert "33 % yours" in out.out
    recorded = load_demonstrations(tmp_path / "mine")
    assert recorded[0].given[-1].nonzero()[0].tolist() == [0, 2]
    assert recorded.robot.name == "so101_sim"
    assert recorded.provenance["env"]["id"] == "lerobot"


MAINS = {
    "mac-control": "from mac_control.cli import main; main()",
    "lerobot-record": "from lerobot.scripts.lerobot_record import main; main()",
    "lerobot-train": "from lerobot.scripts.lerobot_train import main; main()",
    "lerobot-mac-export": "from lerobot_policy_mac.export import main; main()",
}
#: Each step is the same one; fewer of them are enough to see that it works.
FEWER = {
    r"--steps[ =](\d+)": lambda found: found[0].replace(found[1], "40" if "=" in found[0] else "6"),
    r"num_episodes=\d+": lambda found: "num_episodes=1",
    r"episode_time_s=\d+": lambda found: "episode_time_s=2",
    r"width=\d+": lambda found: "width=32",
}


@pytest.fixture(scope="module")
def walked(plugin, tmp_path_factory):
    """A folder in which all commands of docs/lerobot.md were run, one after another."""
    folder, site = tmp_path_factory.mktemp("walk"), tmp_path_factory.mktemp("policy")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    source = str(PLUGINS / "lerobot_policy_mac")
    subprocess.run([*pip, "--no-build-isolation", "--target", site, source], check=True)
    sys.path.insert(0, str(site))
    page = (PLUGINS.parent / "docs" / "lerobot.md").read_text(encoding="utf-8")
    commands = [
        line
        for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
        for line in block.splitlines()
        if not line.startswith(("python -m venv", "pip "))
    ]
    assert {line.split()[0] for line in commands} == set(MAINS)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    for line in commands:
        for pattern, fewer in FEWER.items():
            line = re.sub(pattern, fewer, line)
        name, *argv = shlex.split(line)
        done = subprocess.run(
            [sys.executable, "-c", MAINS[name], *argv],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=900,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return folder


def test_every_command_of_the_page_runs_and_the_person_held_two_joints(walked):
    driven = load_demonstrations(walked / "driven")
    assert driven[0].given.any(axis=0).nonzero()[0].tolist() == [0, 2]
    assert driven.provenance["lerobot_tasks"] == ["wave"]
    table = json.loads((walked / "runs/compared/results.json").read_text())
    assert {"before", "after"} <= set(re.findall(r"before|after", json.dumps(table)))
    assert load_demonstrations(walked / "rolled").robot.action_dim == 6


def test_a_policy_that_lerobot_trained_fills_in_what_is_not_given(walked):
    import torch
    from lerobot_policy_mac import MacPolicy

    from mac_control.checkpoint import load_policy

    policy = MacPolicy.from_pretrained(walked / "trained/checkpoints/last/pretrained_model")
    data = load_demonstrations(walked / "arm")
    obs = np.float32(data[0].observations[:5])
    batch = {"observation.state": torch.tensor(obs)}
    action = policy.fill_in(batch, {"shoulder_pan": 3.0, "elbow_flex.pos": 4.0}).numpy()
    assert (action[:, 0] == 3.0).all() and (action[:, 2] == 4.0).all()
    alone = policy.select_action(batch).numpy()
    assert alone.shape == (5, 6) and not np.allclose(alone[:, 1], action[:, 1])
    low, high = data[0].actions.min(0), data[0].actions.max(0)
    wide = 0.06 * (high - low) + 0.2
    assert ((low - wide <= alone) & (alone <= high + wide)).all()
    exported = load_policy(walked / "runs/from-lerobot")
    assert np.allclose(exported.act(obs), alone, atol=1e-3)
    with pytest.raises(KeyError, match="shoulder_pan"):
        policy.fill_in(batch, {"elbow": 1.0})
