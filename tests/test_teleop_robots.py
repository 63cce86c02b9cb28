"""Driving robots that no mapping was written for."""

import json
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from mac_control import ActionDim, InputError, Robot
from mac_control.checkpoint import load_policy
from mac_control.cli import run
from mac_control.demonstrations import load_demonstrations
from mac_control.demonstrations.minari_write import write_minari
from mac_control.envs import make_env, make_kitchen, robot_of
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.operators import Nobody
from mac_control.scripts import teleoperate, train
from mac_control.teleop import DeviceOperator, DeviceState, Teleoperation, load_mapping
from mac_control.teleop.assemble import assemble_operator, assemble_policy, own_mapping
from mac_control.teleop.defaults import LAYOUTS, chunks, default_mapping
from mac_control.teleop.device import Device
from mac_control.teleop.devices.lerobot import LeRobot
from mac_control.teleop.mapping_file import parse_mapping
from mac_control.teleop.task_space import TaskSpace, velocity_unit

ENVS = ["AdroitHandDoor-v1", "FetchPickAndPlace-v4", "HalfCheetah-v5"]


def arms():
    """Two arms with position targets and grippers, of whose fingers nothing is observed."""
    joints = [
        ActionDim(f"{side} {i}", -2.0, 1.0, "joint_position", "rad", position=i + 6 * (side == "r"))
        for side in "lr"
        for i in range(6)
    ]
    grips = [ActionDim(f"{side} grip", 0.0, 0.04, "gripper", "m") for side in "lr"]
    actions = (*joints[:6], grips[0], *joints[6:], grips[1])
    return Robot("arms", actions, {"left": range(7), "right": range(7, 14)}, rate=50.0)


ROBOTS = {
    "arms": arms,
    "kitchen": lambda: kitchen_robot(30),
    "one": lambda: Robot("one", (ActionDim("throttle", 0.0, 1.0),)),
    "grip": lambda: Robot("grip", (ActionDim("grip", kind="gripper"),)),
    **{name: lambda name=name: robot_of(make_env(name)) for name in ENVS},
}


class Held(Device):
    """A device that is always held as the test says."""

    def __init__(self, mapping="network"):
        self.mapping, self.now, self.pressed, self.moved = mapping, 0.0, frozenset(), {}

    def hold(self, *buttons, **axes):
        self.pressed, self.moved = frozenset(buttons), axes

    def connect(self): ...

    def read(self):
        return DeviceState(self.moved, self.pressed, self.now, self.now)


class Joints(gymnasium.Env):
    """Joints that are where their position targets say."""

    def __init__(self, robot=None):
        self.robot = robot or arms()
        self.observation_space = gymnasium.spaces.Box(-9, 9, (12,), np.float32)
        self.action_space = gymnasium.spaces.Box(self.robot.low, self.robot.high)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.linspace(-1.5, 0.5, 12, dtype=np.float32), {}

    def step(self, action):
        return np.delete(action, [6, 13]).astype(np.float32), 0.0, False, False, {}


@pytest.fixture
def rig(new_clock):
    """Two arms, a gamepad, and nobody that fills in."""
    clock, device, env = new_clock(), Held("gamepad"), Joints()
    operator = assemble_operator(device, env, clock=lambda: device.now)
    policy = assemble_policy(None, env)
    loop = Teleoperation(env, policy, operator, clock=clock, sleep=clock.sleep)
    return env.robot, device, operator, loop


@pytest.mark.parametrize("kind", [*LAYOUTS, "network"])
@pytest.mark.parametrize("name", ROBOTS)
def test_every_dimension_of_any_robot_can_be_driven_both_ways_and_the_modes_reach_all(name, kind):
    robot = ROBOTS[name]()
    mapping = default_mapping(kind, robot)
    reached = set()
    for mode in mapping.modes or (None,):
        names = {e.axis for e in mapping.axes}, {b.button for b in mapping.buttons}
        for axes, buttons in [({a: s}, ()) for a in names[0] for s in (-1.0, 1.0)] + [
            ({}, (b,)) for b in names[1]
        ]:
            driven = mapping(DeviceState(axes, frozenset(buttons)), mode)
            amounts = driven.values + driven.rates
            reached |= {(d, bool(amounts[d] > 0)) for d in np.flatnonzero(amounts)}
            if kind in ("gamepad", "keyboard", "spacemouse"):  # a slider's value is the client's
                assert (driven.values <= robot.high).all()
    ways = {(d, True) for d in range(robot.action_dim)}
    assert ways | {(d, False) for d, a in enumerate(robot.actions) if a.low < 0} <= reached
    raising = list(mapping.events.values())
    driving = {b.button for b in mapping.buttons}
    assert len(set(raising)) == len(raising) and not driving & set(raising)
    assert len(mapping.modes) < 2 or "mode" in mapping.events


def test_groups_are_modes_and_a_group_of_groups_is_none():
    hand = ROBOTS["AdroitHandDoor-v1"]()
    modes = default_mapping("gamepad", hand).modes
    assert modes[:2] == ("arm and wrist", "first_finger") and "fingers" not in modes
    assert {len(dims) for dims in chunks(hand, 6).values()} <= set(range(1, 7))
    assert default_mapping("gamepad", ROBOTS["HalfCheetah-v5"]()).modes == ()
    flat = Robot("flat", tuple(ActionDim(str(i)) for i in range(8)))
    assert default_mapping("spacemouse", flat).modes == ("1-6", "7-8")


def test_grippers_are_on_a_pair_of_buttons_in_the_mode_of_their_arm():
    mapping, both = (
        default_mapping("gamepad", arms()),
        DeviceState({}, frozenset({"left_shoulder"})),
    )
    assert mapping.modes == ("left", "right")
    assert np.flatnonzero(mapping(both, "left").given).tolist() == [6]
    assert np.flatnonzero(mapping(both, "right").given).tolist() == [13]
    kitchen = default_mapping("keyboard", kitchen_robot(30))
    for mode in kitchen.modes:
        driven = kitchen(DeviceState({}, frozenset({"o"})), mode)
        assert np.flatnonzero(driven.given).tolist() == [7, 8]


def test_a_position_target_moves_from_where_it_is_and_stays_when_the_stick_is_let_go(rig):
    robot, device, _, loop = rig
    start = loop.obs.copy()
    first = loop.step()
    assert np.delete(first.action, [6, 13]) == pytest.approx(start)  # nobody drives: it stands
    device.hold(left_x=1.0)
    for _ in range(10):
        step = loop.step()
    assert np.flatnonzero(step.given).tolist() == [0]
    expected = start[0] + 10 * (3.0 / 2.0) / robot.rate  # its range of 3 rad in 2 s
    assert step.action[0] == pytest.approx(expected, abs=1e-5)
    assert np.delete(step.action, [0, 6, 13]) == pytest.approx(start[1:])
    device.hold()
    for _ in range(5):
        step = loop.step()
    assert not step.given.any() and step.action[0] == pytest.approx(expected, abs=1e-5)


def test_an_emergency_stop_and_a_silent_device_leave_position_targets_where_they_are(rig):
    _, device, operator, loop = rig
    device.hold(left_x=1.0)
    for _ in range(10):
        moved = loop.step().action
    device.hold("b", left_x=1.0)
    stopped = [loop.step() for _ in range(4)]
    assert all(step.stopped and np.array_equal(step.action, moved) for step in stopped)
    device.hold("right_stick")
    released = loop.step()
    assert not released.stopped and released.action == pytest.approx(moved)
    operator._clock = lambda: device.now + 10  # nothing was received for 10 s
    silent = loop.step()
    assert silent.status == "silent" and silent.action == pytest.approx(moved)


def test_a_stick_that_is_held_while_paused_moves_nothing_until_the_start(rig):
    robot, device, _, loop = rig
    start, a_step = loop.obs[0], (3.0 / 2.0) / robot.rate  # its range of 3 rad in 2 s
    loop.post("pause")
    device.hold(left_x=1.0)
    for _ in range(40):
        assert loop.step() is None
    loop.post("start")
    actions = [loop.step().action[0] for _ in range(3)]
    assert actions == pytest.approx([start + a_step, start + 2 * a_step, start + 3 * a_step])


def test_a_target_does_not_leave_its_range_and_comes_back_at_once(rig):
    robot, device, _, loop = rig
    device.hold(left_x=1.0)
    for _ in range(200):
        step = loop.step()
    assert step.action[0] == robot.high[0]
    device.hold(left_x=-1.0)
    assert loop.step().action[0] < robot.high[0]


def test_hands_on_holds_a_position_target_and_a_slider_at_zero_is_a_value(new_clock):
    clock, device, env = new_clock(), Held("network"), Joints()
    operator = assemble_operator(device, env, clock=lambda: device.now)
    loop = Teleoperation(
        env, assemble_policy(None, env), operator, ramp=1.0, clock=clock, sleep=clock.sleep
    )
    start = loop.obs[2]
    device.hold("mine2")
    step = loop.step()
    assert step.given[2] and step.action[2] == pytest.approx(start)
    device.hold(dim2=0.0)
    step = loop.step()
    assert np.flatnonzero(step.given).tolist() == [2] and step.action[2] == 0


def test_an_operator_that_nobody_tells_what_was_sent_goes_on_from_its_own_targets():
    robot, device = arms(), Held("gamepad")
    operator = DeviceOperator(
        device, default_mapping(device, robot), period=0.02, clock=lambda: device.now
    )
    device.hold(left_x=1.0)
    obs = np.zeros(12)
    values = [operator.read(obs).values[0] for _ in range(3)]
    assert values == pytest.approx([0.03, 0.06, 0.09])
    operator.reset()
    assert operator.read(obs).values[0] == pytest.approx(0.03)


def test_a_leader_arm_follows_the_entry_that_observes_its_joint():
    robot = Robot("arm", (ActionDim("a", position=2), ActionDim("b")), obs_names=("x", "y", "z"))
    row = {"axis": "j", "dim": "a", "position": True, "scale": 2.0, "gain": 3.0}
    mapping = parse_mapping({"axis": [row]}, robot)
    driven = mapping(DeviceState({"j": 0.4}), obs=np.array([5.0, 6.0, 0.5]))
    assert driven.values[0] == pytest.approx(3.0 * (0.8 - 0.5))
    with pytest.raises(InputError, match="a dimension whose position is observed, got b"):
        parse_mapping({"axis": [{**row, "dim": "b"}]}, robot)


def test_directions_go_by_the_entries_that_the_robot_names():
    env, robot = make_kitchen(robot_noise_ratio=0.0), kitchen_robot(30)
    obs, _ = env.reset(seed=0)
    options = load_mapping("keyboard", robot).task_space
    order = np.random.default_rng(0).permutation(30)
    moved = replace(
        robot,
        actions=tuple(
            replace(a, position=int(np.flatnonzero(order == a.position)[0])) for a in robot.actions
        ),
        obs_names=tuple(robot.obs_names[i] for i in order),
    )
    twist = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    expected = TaskSpace(env.model, options, 0.08, robot).solve(obs, twist)
    assert np.abs(expected).max() > 0.01
    answer = TaskSpace(env.model, options, 0.08, moved).solve(obs[order], twist)
    assert answer == pytest.approx(expected, abs=1e-6)
    blind = replace(robot, actions=tuple(replace(a, position=None) for a in robot.actions))
    with pytest.raises(InputError, match="joints whose positions are observed, got joint1"):
        TaskSpace(env.model, options, 0.08, blind)
    env.close()


@pytest.mark.parametrize(
    ("unit", "velocity"), [("rad/s", 1.0), ("2 rad/s", 2.0), ("0.5 m/s", 0.5), ("1e-3 rad/s", 1e-3)]
)
def test_the_unit_of_a_velocity_is_in_the_description(unit, velocity):
    assert velocity_unit(ActionDim("a", unit=unit)) == velocity
    with pytest.raises(InputError, match=r"a unit such as 'rad/s'.*got a with 'N'"):
        velocity_unit(ActionDim("a", unit="N"))


def test_the_kitchen_has_its_own_mappings_and_a_leader_arm_needs_one():
    kitchen = kitchen_robot(30)
    assert own_mapping(Held("gamepad"), kitchen).task_space is not None
    assert own_mapping(Held("gamepad"), arms()).task_space is None
    with pytest.raises(InputError, match="which joint of the leader arm moves which of arms"):
        own_mapping(LeRobot("so101_leader"), arms())


@pytest.mark.parametrize("name", ENVS)
def test_driving_any_environment_is_recorded_and_trained_on(name, tmp_path):
    env = make_env(name)
    robot, rng = robot_of(env), np.random.default_rng(0)
    observations, actions = [env.reset(seed=0)[0]], []
    for _ in range(20):
        actions.append(rng.uniform(-0.5, 0.5, robot.action_dim).astype(np.float32))
        observations.append(env.step(actions[-1])[0])
    env.close()
    recording = record(tmp_path / "driven-v0", env, observations, actions)
    argv = ["--env", name, "--device", "replay", "--options", f"recording={recording}"]
    argv += ["--policy", "none", "--no-cockpit", "--steps", "20", "--speed", "50", "--record"]
    assert verb(teleoperate.main, [*argv, str(tmp_path / "again-v0")]) == 0
    again = load_demonstrations(tmp_path / "again-v0")
    assert again.robot == robot and len(again[0].actions) == 20
    assert again.provenance["env"]["id"] == name
    argv = f"--policy bc --data {tmp_path / 'again-v0'} --scale demo --steps 3 --validation 0"
    argv += f" --out {tmp_path / 'bc'}"
    assert verb(train.main, argv.split(), parse=train.parse) == 0
    policy = load_policy(tmp_path / "bc")
    assert policy.robot == robot
    assert policy.act(observations[0]).shape == (robot.action_dim,)


def verb(main, argv, **options):
    with pytest.raises(SystemExit) as status:
        run(main, argv, **options)
    return status.value.code


def record(folder, env, observations, actions):
    """A recording of somebody who gave every dimension."""
    from minari.data_collector.episode_buffer import EpisodeBuffer

    steps = len(actions)
    buffer = EpisodeBuffer(
        observations=np.array(observations, np.float32),
        actions=np.array(actions),
        rewards=np.zeros(steps),
        terminations=np.zeros(steps, bool),
        truncations=np.arange(1, steps + 1) == steps,
    )
    box = env.action_space
    space = gymnasium.spaces.Box(-np.inf, np.inf, env.observation_space.shape, np.float32)
    actions = gymnasium.spaces.Box(box.low.astype(np.float32), box.high.astype(np.float32))
    write_minari(folder, [buffer], space, actions, metadata={"mac_control": {}}, env_spec=None)
    return folder


def test_the_page_has_a_slider_for_each_dimension_and_says_what_its_sticks_do(driving):
    from cockpit_page import page, until

    env = make_env("AdroitHandDoor-v1", max_episode_steps=10_000)
    labels = list(robot_of(env).labels)
    with driving(env) as (cockpit, _), page(cockpit) as client:
        state = until(client, lambda s: "given" in s)
        assert state["names"] == labels and state["mode"] == "arm and wrist"
        assert not state["hand"] and all(state["latched"]) and not state["grips"]
        assert state["sticks"][state["mode"]] == ["arm roll, arm z", "arm yaw, arm pitch"]
        assert state["folds"] == {"fingers": list(range(6, 28))}
        said = {"axes": {"dim27": 0.5}, "buttons": []}
        state = until(client, lambda s: "given" in s and s["given"][27], said)
        assert state["values"][27] == 0.5 and sum(state["given"]) == 1


def test_nobody_is_an_operator_of_the_loop_too():
    env = Joints()
    loop = Teleoperation(env, assemble_policy(None, env), Nobody(14), speed=1e4)
    loop.run(steps=3)
    assert loop.rate == 50.0 and loop.steps == 3 and json.dumps(loop.obs.tolist())
