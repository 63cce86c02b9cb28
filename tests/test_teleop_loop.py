"""Driving: hand-over, watchdog, emergency stop, undo, pacing; some on the real kitchen."""

import tempfile
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import InputError
from mac_control.envs import make_kitchen
from mac_control.loop import rollout
from mac_control.operators import Nobody
from mac_control.policies import Policy
from mac_control.teleop import (
    DeviceOperator,
    DeviceState,
    MultiDeviceOperator,
    Teleoperation,
    load_mapping,
)
from mac_control.teleop.bumpless import BumplessTransfer
from mac_control.teleop.device import Device, DeviceError
from mac_control.teleop.recorder import EpisodeRecorder

PERIOD = 0.08


class Script(Device):
    """A device that does what the test says."""

    def __init__(self, clock):
        self.clock, self.state, self.plugged, self.silent_since = clock, {}, True, None
        self.buttons, self.changed = frozenset(), clock()

    def hold(self, *buttons, **axes):
        self.state, self.buttons, self.changed = axes, frozenset(buttons), self.clock()

    def connect(self):
        if not self.plugged:
            raise DeviceError("script: unplugged")

    def read(self):
        if not self.plugged:
            raise DeviceError("script: unplugged")
        received = self.clock() if self.silent_since is None else self.silent_since
        return DeviceState(self.state, self.buttons, received, self.changed)


class Constant(Policy):
    """Answers the same number everywhere, and stateful what it was given."""

    def __init__(self, obs_dim, action_dim, value):
        self.obs_dim, self.value = obs_dim, value
        self.low, self.high = -np.ones(action_dim, np.float32), np.ones(action_dim, np.float32)
        self.seen = []

    def complete(self, obs, partial):
        self.seen.append((partial.values.copy(), partial.given.copy()))
        return np.full(partial.values.shape, self.value, np.float32)


class Line(gymnasium.Env):
    """Three numbers that the action adds to; keeps every action that reached it."""

    def __init__(self, width=1.0):
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float64)
        self.action_space = gymnasium.spaces.Box(-width, width, (9,), np.float32)
        self.actions = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(3), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.actions.append(action)
        return np.zeros(3), 0.0, False, False, {}


@pytest.fixture
def rig(new_clock):
    clock = new_clock()
    device = Script(clock)
    operator = DeviceOperator(device, load_mapping("network", 9), clock=clock)
    env, policy = Line(), Constant(3, 9, 0.5)
    options = {"clock": clock, "sleep": clock.sleep, "rate": 1 / PERIOD}
    loop = Teleoperation(env, policy, operator, ramp=0.2, **options)
    return clock, device, operator, loop


def test_a_dimension_is_given_only_while_it_is_driven_or_held(rig):
    _, device, _, loop = rig
    assert not loop.step().given.any()
    device.hold(dim1=-0.5)
    step = loop.step()
    assert step.given.tolist() == [False, True] + [False] * 7 and step.values[1] == -0.5
    device.hold("mine3")  # hands on: given at 0
    step = loop.step()
    assert np.flatnonzero(step.given).tolist() == [3] and step.values[3] == 0


def test_taking_over_and_handing_back_never_jump(rig):
    _, device, _, loop = rig
    for _ in range(3):
        loop.step()
    device.hold(dim1=-1.0)
    sent = [loop.step().action for _ in range(8)]
    device.hold()
    sent += [loop.step().action for _ in range(8)]
    moves = np.abs(np.diff([a[1] for a in [np.full(9, 0.5), *sent]]))
    assert moves.max() <= 0.4 + 1e-6  # a share of 0.2 of a box that is 2 wide
    assert sent[7][1] == -1.0 and sent[-1][1] == 0.5  # both arrive
    others = np.delete(np.array(sent), 1, axis=1)
    assert (others == 0.5).all()  # a dimension that stays in the same hands is not touched


def test_the_policy_is_given_what_will_be_sent_while_a_dimension_is_taken_over(rig):
    _, device, _, loop = rig
    loop.step()
    device.hold(dim1=-1.0)
    step = loop.step()
    values, known = loop.policy.seen[-1]
    assert known[0, 1] and values[0, 1] == step.action[1] == pytest.approx(0.1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 1.0))
def test_hand_over_stays_in_the_box_and_bounded_for_any_sequence(seed, share):
    rng = np.random.default_rng(seed)
    low = rng.uniform(-2, 0, 4).astype(np.float32)
    high = low + rng.uniform(0.1, 3, 4).astype(np.float32)
    transfer = BumplessTransfer(low, high, share)
    last, was = transfer.last, transfer.hands
    moving = np.zeros(4, bool)
    for _ in range(30):
        asked = rng.uniform(low, high).astype(np.float32)
        mine = rng.random(4) < 0.5
        action = transfer.send(asked, mine)
        assert (action >= low).all() and (action <= high).all()
        moving |= mine != was
        assert (np.abs(action - last)[moving] <= (share * (high - low))[moving] + 1e-5).all()
        assert (action[~moving] == asked[~moving]).all()
        moving &= action != asked
        last, was = action, mine


@pytest.mark.parametrize("fault", ["silent", "lost", "bad"])
def test_a_device_that_fails_gives_its_dimensions_back_within_a_period_and_recovers(rig, fault):
    clock, device, operator, loop = rig
    device.hold(dim1=-1.0)
    loop.run(steps=10)
    if fault == "silent":
        device.silent_since = clock()
        clock.sleep(operator.patience + 1e-6)
    elif fault == "lost":
        device.plugged = False
    else:
        device.hold(dim1=float("nan"))
    step = loop.step()
    assert step.status == fault and not step.given.any()
    assert np.isfinite(step.action).all()
    device.silent_since, device.plugged = None, True
    device.hold(dim1=-1.0)
    loop.run(steps=int(operator.retry / PERIOD) + 2)
    assert loop.step().given[1]


def test_on_silence_hold_keeps_the_last_values_and_stop_stops(rig):
    clock, device, operator, loop = rig
    device.hold(dim1=-1.0)
    loop.step()
    operator.on_silence = "hold"
    device.plugged = False
    step = loop.step()
    assert step.given[1] and step.values[1] == -1.0
    device.plugged, operator.on_silence = True, "stop"
    clock.sleep(2.0)
    device.hold(dim1=-1.0)
    loop.step()
    device.plugged = False
    step = loop.step()
    assert step.stopped and not step.action.any()
    device.plugged = True
    clock.sleep(2.0)
    assert loop.step().stopped  # a stop stays until it is released
    loop.post("release")
    assert not loop.step().stopped


@settings(max_examples=100, deadline=None)
@given(st.floats(width=64), st.floats(-1e300, 1e300))
def test_nothing_that_is_not_finite_or_out_of_range_reaches_the_environment(new_clock, x, y):
    clock = new_clock()
    device = Script(clock)
    operator = DeviceOperator(device, load_mapping("network", 9), clock=clock)
    env = Line(width=0.25)  # asserts inside that every action is in its box
    policy = Constant(3, 9, 0.5)
    loop = Teleoperation(env, policy, operator, clock=clock, sleep=clock.sleep)
    device.hold(dim0=x, dim5=y)
    loop.run(steps=3)
    assert len(env.actions) == 3


def test_emergency_stop_sends_rest_at_once_and_starts_again_from_rest(rig):
    _, device, _, loop = rig
    loop.run(steps=3)
    device.hold("estop")
    step = loop.step()
    assert step.stopped and not step.action.any() and "estop" in step.events
    device.hold()
    assert loop.step().stopped
    device.hold("release")
    assert np.abs(loop.step().action).max() <= 0.4 + 1e-6


def test_what_is_done_while_the_policy_thinks_goes_out_with_the_same_action(rig):
    _, device, _, loop = rig
    complete = loop.policy.complete

    def slow(obs, partial):
        device.hold(dim2=0.25)
        return complete(obs, partial)

    loop.policy.complete = slow
    step = loop.step()
    assert step.given[2] and step.values[2] == 0.25 and step.latency == 0


def test_a_stop_while_the_policy_thinks_stops_this_action(rig):
    _, device, _, loop = rig
    complete = loop.policy.complete

    def slow(obs, partial):
        device.hold("estop")
        return complete(obs, partial)

    loop.policy.complete = slow
    step = loop.step()
    assert step.stopped and not step.action.any()


def test_pause_start_and_quit_from_another_thread(rig):
    _, _, _, loop = rig
    loop.post("pause")
    assert loop.step() is None and not loop.env.actions
    loop.post("start")
    assert loop.step() is not None
    loop.post("quit")
    loop.run()
    with pytest.raises(InputError, match="expected one of"):
        loop.post("fly")


def test_a_command_that_does_not_fit_is_said_and_driving_goes_on(rig):
    _, _, _, loop = rig
    said = []
    loop.notify = said.append
    loop.post("policy", Constant(4, 9, 0.5))
    loop.post("undo", float("nan"))
    loop.post("trust", "much")
    assert loop.step() is not None
    assert [text.split(":")[0] for text in said] == ["policy", "undo", "trust"]


def test_what_was_driven_is_kept_though_the_stop_is_interrupted(rig):
    _, _, _, loop = rig
    done = []

    class Keeps:
        def finish(self, success):
            done.append("finish")

        def close(self):
            done.append("close")

    loop.step()
    loop.recorder, loop.recording = Keeps(), True

    def interrupted(steps):
        raise KeyboardInterrupt

    loop.run = interrupted
    with pytest.raises(KeyboardInterrupt):
        loop.close()
    assert done == ["finish", "close"]


def test_two_devices_share_the_robot_and_the_first_has_precedence(new_clock):
    clock = new_clock()
    devices = Script(clock), Script(clock)
    both = MultiDeviceOperator(
        [DeviceOperator(d, load_mapping("network", 9), clock=clock) for d in devices]
    )
    devices[0].hold(dim0=0.1)
    devices[1].hold(dim0=0.2, dim1=0.3)
    partial = both.read(np.zeros(3))
    assert partial.values[:2].tolist() == pytest.approx([0.1, 0.3])
    devices[0].plugged = False
    reading = both.poll(np.zeros(3))
    assert reading.status == "lost" and reading.partial.values[0] == pytest.approx(0.2)


def test_a_button_held_through_silences_is_pressed_once(rig):
    clock, device, _, loop = rig
    loop.run(steps=2)
    device.hold("pause")
    loop.step()
    assert loop.paused
    for _ in range(3):
        device.silent_since = clock() - 1  # a message is late
        loop.step()
        device.silent_since = None
        loop.step()
        assert loop.paused
    device.hold()
    loop.step()
    device.hold("pause")
    loop.step()
    assert not loop.paused


def test_undo_across_a_stop_removes_the_steps_that_are_undone(new_clock):
    class Road(Line):
        def snapshot(self):
            return len(self.actions)

        def restore(self, snapshot):
            del self.actions[snapshot:]

    class Steps(EpisodeRecorder):
        def _found(self):
            return 0

        def _write(self, episode, again):
            self.written = episode.steps

        _create = None

    clock, env = new_clock(), Road()
    recorder = Steps(Path(tempfile.mkdtemp()) / "road", env)
    options = {"clock": clock, "sleep": clock.sleep, "recorder": recorder, "rate": 10.0}
    loop = Teleoperation(env, Constant(3, 9, 0.5), Nobody(9), **options)
    loop.run(steps=15)
    loop.post("estop")
    loop.run(steps=10)
    loop.post("release")
    loop.post("undo", 1.2)  # the stop, and the last two steps before it
    loop.run(steps=5)
    loop.close()
    assert len(env.actions) == len(recorder.written) == 18
    assert all(map(np.array_equal, env.actions, [step.action for step in recorder.written]))


def test_undo_goes_back_and_the_kitchen_then_goes_on_as_before(new_clock):
    env = make_kitchen()
    clock = new_clock()
    loop = Teleoperation(env, Constant(30, 9, 0.1), Nobody(9), clock=clock, sleep=clock.sleep)
    loop.run(steps=10)
    before = env.data.qpos.copy()
    first = [loop.step().next_obs for _ in range(5)]
    loop.post("undo", 5 / 12.5)
    loop.post("pause")
    assert loop.step() is None
    assert np.array_equal(env.data.qpos, before) and loop.steps == 10
    env_again = [env.step(np.full(9, 0.1, np.float32))[0] for _ in range(5)]
    assert np.array_equal(first, env_again)
    env.close()


def test_the_loop_without_a_person_is_the_rollout(new_clock):
    policy = Constant(30, 9, 0.05)
    env = make_kitchen(max_episode_steps=30)
    clock = new_clock()
    loop = Teleoperation(env, policy, Nobody(9), seed=3, clock=clock, sleep=clock.sleep)
    seen = [loop.step() for _ in range(30)]
    trajectory = rollout(make_kitchen(max_episode_steps=30), policy, Nobody(9), seed=3)
    assert np.array_equal(np.float32([s.obs for s in seen]), np.float32(trajectory.observations))
    env.close()


def test_a_device_takes_part_in_a_rollout_as_any_operator(new_clock):
    clock = new_clock()
    device = Script(clock)
    device.hold(dim4=0.5)
    operator = DeviceOperator(device, load_mapping("network", 9), clock=clock)
    trajectory = rollout(make_kitchen(max_episode_steps=5), Constant(30, 9, 0.0), operator, seed=0)
    assert (trajectory.actions[:, 4] == 0.5).all()
