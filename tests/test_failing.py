"""Policies, operators, environments and clocks that fail, in both loops."""

import threading

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control.demonstrations import load_demonstrations
from mac_control.envs import make_kitchen
from mac_control.errors import EpisodeError
from mac_control.loop import evaluate, rollout
from mac_control.loop.evaluation import RowsFailed
from mac_control.operators import Nobody, Operator
from mac_control.partial import PartialAction
from mac_control.policies import Policy
from mac_control.teleop import DeviceOperator, DeviceState, Teleoperation
from mac_control.teleop.device import Device
from mac_control.teleop.mapping import parse_mapping
from mac_control.teleop.recording import MinariRecorder

PERIOD = 0.08


class Line(gymnasium.Env):
    """Three numbers; every action that reaches it must be in its box. Ends after 20 steps."""

    def __init__(self, width=0.5, fails_at=None, how=None):
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)
        self.action_space = gymnasium.spaces.Box(-width, width, (2,), np.float32)
        self.fails_at, self.how, self.actions = fails_at, how, []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(3, np.float32), {}

    def step(self, action):
        if not self.action_space.contains(action):
            raise SystemExit(f"{action} reached the environment")  # which nobody may catch
        self.actions.append(action)
        self.steps += 1
        obs, reward = np.full(3, 0.1, np.float32), 1.0
        if self.steps == self.fails_at:
            if self.how == "raises":
                raise RuntimeError("the controller\nis gone")
            obs, reward = {
                "nan obs": (obs * np.nan, reward),
                "nan reward": (obs, float("nan")),
            }[self.how]
        return obs, reward, False, self.steps >= 20, {}


class Answers(Policy):
    """Answers what the test says, once for each step; an exception is raised."""

    obs_dim, low, high = 3, -np.ones(2, np.float32), np.ones(2, np.float32)

    def __init__(self, *answers):
        self.answers = list(answers)

    def complete(self, obs, values, given):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        values[:] = 7  # is its own affair
        return answer


class Gives(Operator):
    """Gives what the test says."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def read(self, obs):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer


class Clock:
    def __init__(self):
        self.now, self.slept = 100.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


MAPPING = parse_mapping(
    {
        "axis": [{"axis": "dim0", "dim": 0}],
        "hold": [{"button": "mine0", "dims": [0]}],
        "events": {},
    },
    2,
)
GOOD = np.full((1, 2), 0.25)
MINE = PartialAction([0.4, 0.0], [True, False])
BAD_ANSWERS = {
    "nan": np.array([[np.nan, 0.0]]),
    "infinite": np.array([[0.0, -np.inf]]),
    "overflows": np.array([[0.0, 1e300]]),
    "other shape": np.zeros((2, 1)),
    "flat": np.zeros(2),
    "text": "left",
    "nothing": None,
    "raises": RuntimeError("out of\nmemory"),
}


def teleoperation(env, policy, operator, **options):
    said, clock = [], Clock()
    options = {"clock": clock, "sleep": clock.sleep, **options}
    return Teleoperation(env, policy, operator, say=said.append, **options), said


@pytest.mark.parametrize("bad", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_policy_that_fails_ends_a_rollout_in_a_sentence_and_moves_nothing(bad):
    env = Line()
    with pytest.raises(EpisodeError, match=r"policy Answers, at step 2 of the .* seed 5: ") as why:
        rollout(env, Answers(GOOD, GOOD, bad), Gives(MINE), seed=5)
    assert len(env.actions) == 2 and "\n" not in str(why.value)


@pytest.mark.parametrize("bad", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_driving_goes_on_without_a_policy_that_fails(bad):
    env = Line()
    loop, said = teleoperation(env, Answers(GOOD, bad, bad, GOOD), Gives(MINE), ramp=0.1)
    steps = [loop.step() for _ in range(10)]
    sent = np.array([step.action for step in steps])
    assert np.array_equal(sent, env.actions)
    assert sent[:, 0].tolist()[4:] == [np.float32(0.4)] * 6  # the person's is not touched
    assert sent[:3, 1].tolist() == [0.25, 0.0, 0.0]  # stands still at once
    assert sent[3:7, 1].tolist() == pytest.approx([0.1, 0.2, 0.25, 0.25])  # back by a ramp
    assert len(said) == 1 and said[0].startswith("policy: ") and "stands still" in said[0]


@pytest.mark.parametrize("bad", [None, "x", ValueError("odd"), PartialAction.nothing(3)])
def test_an_operator_that_fails_is_named_in_a_rollout_and_left_out_while_driving(bad):
    env = Line()
    with pytest.raises(EpisodeError, match=r"operator Gives, at step 1 of the .* seed 0: "):
        rollout(env, Answers(GOOD), Gives(MINE, bad), seed=0)
    loop, said = teleoperation(env, Answers(GOOD), Gives(MINE, bad, bad, MINE))
    given = [loop.step().given.tolist() for _ in range(4)]
    assert given == [[True, False], [False, False], [False, False], [True, False]]
    assert len(said) == 1 and "the robot drives alone" in said[0]


@pytest.mark.parametrize("how", ["raises", "nan obs", "nan reward"])
def test_an_environment_that_fails_is_named_and_what_was_recorded_is_kept(tmp_path, how):
    match = r"environment Line, at step 3 of the episode of seed 0: "
    with pytest.raises(EpisodeError, match=match):
        rollout(Line(fails_at=4, how=how), Answers(GOOD), seed=0)
    env = Line(fails_at=4, how=how)
    recorder = MinariRecorder(tmp_path / "r-v0", env)
    loop, _ = teleoperation(env, Answers(GOOD), Gives(MINE), recorder=recorder)
    with pytest.raises(EpisodeError, match=match):
        loop.run()
    assert len(env.actions) == 4  # nothing more is sent
    loop.close()
    (episode,) = load_demonstrations(tmp_path / "r-v0")
    assert len(episode) == 3


class Failing(Policy):
    """Fails in the third step of every episode but one of a small batch."""

    obs_dim, low, high, name = 30, -np.ones(9, np.float32), np.ones(9, np.float32), "failing"

    def reset(self, seed=None):
        self.steps = 0

    def complete(self, obs, values, given):
        self.steps += 1
        return np.full(values.shape, np.nan if self.steps == 3 else 0.0)


class Standing(Failing):
    name = "standing"

    def complete(self, obs, values, given):
        return np.zeros_like(values)


def test_an_evaluation_keeps_the_rows_that_did_not_fail():
    told = []
    with pytest.raises(RowsFailed, match=r"1 of 2 rows failed, .*; failing with nobody") as error:
        evaluate(
            [Failing(), Standing()],
            episodes=2,
            workers=1,
            env={"max_episode_steps": 5},
            on_row=told.append,
        )
    assert [row["policy"] for row in error.value.rows] == ["standing"] == [told[0][0]["policy"]]
    assert "at step 2 of the episodes of seeds [0, 1]" in error.value.why[0]


class Recorder:
    """Fails at everything."""

    def __getattr__(self, name):
        def fail(*_):
            raise OSError(28, "No space left on device")

        return fail


def test_driving_goes_on_without_a_recorder_that_fails():
    loop, said = teleoperation(Line(), Answers(GOOD), Nobody(2), recorder=Recorder())
    for _ in range(45):
        assert loop.step().action.tolist() == [0.25, 0.25]
    assert loop.episode == 2 and len(said) == 1 and "No space left" in said[0]


class Stuck(Device):
    """Gives dimension 0, until it blocks, raises or disappears."""

    blocks = True

    def __init__(self):
        self.release, self.released = threading.Event(), threading.Event()
        self.release.set()
        self.error = None

    def connect(self):
        pass

    def read(self):
        import time

        if not self.release.is_set():
            self.release.wait(20)
            self.released.set()
        if self.error is not None:
            raise self.error
        return DeviceState({"dim0": 0.5}, frozenset({"mine0"}), time.monotonic(), 0.0)


def until(found, seconds=10.0):
    import time

    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "never came"
        time.sleep(0.005)


@pytest.mark.parametrize("on_silence", ["robot", "hold", "stop"])
def test_a_device_that_blocks_does_not_hold_up_the_loop(on_silence):
    device = Stuck()
    operator = DeviceOperator(device, MAPPING, on_silence, patience=0.3)
    said = []
    loop = Teleoperation(Line(), Answers(GOOD), operator, speed=20.0, say=said.append)
    loop.run(steps=2)
    until(lambda: loop.step().given[0])
    device.release.clear()
    until(lambda: loop.step().status == "silent")
    step = loop.step()
    assert step.given[0] == (on_silence == "hold") and step.stopped == (on_silence == "stop")
    if on_silence == "hold":
        assert step.values[0] == 0.5
    device.release.set()
    loop.post("release")
    until(lambda: loop.step().given[0])
    assert not [text for text in said if text.startswith("device")]  # it has not failed
    operator.close()


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyError("x"), OSError("gone")])
@pytest.mark.parametrize("blocks", [False, True])
def test_a_device_that_raises_anything_is_lost_until_it_is_there_again(error, blocks):
    device = Stuck()
    device.blocks = blocks
    operator = DeviceOperator(device, MAPPING, patience=5.0, retry=0.01)
    loop, said = teleoperation(Line(), Answers(GOOD), operator)
    assert loop.step().given[0]
    device.error = error
    until(lambda: loop.step().status == "lost")
    assert not loop.step().given.any()
    device.error = None
    until(lambda: loop.step().given[0])
    assert len(said) == 1 and "device" in said[0] and "the robot has its dimensions" in said[0]
    operator.close()


def test_an_operator_that_takes_a_second_costs_that_second_and_no_burst():
    clock, env = Clock(), Line()

    def slow():
        clock.now += 1.0
        return MINE

    loop, said = teleoperation(
        env, Answers(GOOD), Gives(MINE, slow, MINE), clock=clock, sleep=clock.sleep
    )
    times = []
    loop.run(6, lambda _: times.append(clock.now))
    assert np.diff(times).max() < 1.0 + 2 * PERIOD
    assert times[-1] - times[1] > 3 * PERIOD and loop.pacer.overruns >= 11
    assert len(said) == 1 and "blocks = True" in said[0]


@pytest.mark.parametrize("jump", [-1e6, -1.0, -0.05, 0.05, 1.0, 1e6])
@pytest.mark.parametrize("when", ["asleep", "policy", "operator"])
def test_a_clock_that_jumps_costs_a_period_and_no_more(jump, when):
    clock, env = Clock(), Line()
    real = 0.0  # time that really passes

    def sleep(seconds):
        nonlocal real
        real += seconds
        clock.sleep(seconds)
        if when == "asleep" and len(clock.slept) == 5:
            clock.now += jump

    class Jumps(Answers):
        def complete(self, obs, values, given):
            if when == "policy" and len(env.actions) == 5:
                clock.now += jump
            return GOOD

    def read():
        if when == "operator" and len(env.actions) == 5:
            clock.now += jump
        return MINE

    loop, _ = teleoperation(env, Jumps(GOOD), Gives(read), clock=clock, sleep=sleep)
    moments = []
    loop.run(18, lambda _: moments.append(real))
    assert np.diff(moments).max() <= 2 * PERIOD + 1e-9
    assert moments[-1] - moments[8] == pytest.approx(9 * PERIOD, abs=PERIOD)


@pytest.mark.parametrize("jump", [-60.0, 60.0])
def test_a_dead_device_is_not_alive_because_a_clock_jumped(jump):
    clock = Clock()

    class Old(Stuck):
        blocks = False
        heard = clock()

        def read(self):
            return DeviceState({"dim0": 0.5}, frozenset({"mine0"}), self.heard, 0.0)

    device = Old()
    operator = DeviceOperator(device, MAPPING, clock=clock)
    assert operator.poll(np.zeros(3)).status == "live"
    clock.now += jump
    assert operator.poll(np.zeros(3)).status == "silent"
    device.heard = clock()
    assert operator.poll(np.zeros(3)).status == "live"


floats = st.floats(width=64)
answers = st.one_of(
    st.tuples(floats, floats).map(lambda v: np.array([v])),
    st.sampled_from(list(BAD_ANSWERS.values())),
)
readings = st.one_of(
    st.builds(
        lambda v, g: lambda: PartialAction(v, g),  # raises in the operator where it is not finite
        st.tuples(floats, floats),
        st.tuples(st.booleans(), st.booleans()),
    ),
    st.sampled_from([None, "x", ValueError("odd"), PartialAction.nothing(3)]),
)


class Own(Answers):
    """Has an `act` of its own, which nobody checks on the way out."""

    def act(self, obs, partial=None):
        batch = (np.atleast_2d(each) for each in (obs, partial.values.copy(), partial.given))
        answer = self.complete(*batch)
        fits = isinstance(answer, np.ndarray) and answer.size == partial.values.size
        return answer.reshape(partial.values.shape) if fits else answer


@settings(max_examples=300)
@given(
    st.lists(answers, min_size=1, max_size=5),
    st.lists(readings, min_size=1, max_size=5),
    st.sampled_from((Answers, Own)),
    st.sampled_from((1e-3, 0.5, 2.0)),
)
def test_nothing_unsafe_reaches_an_environment_whoever_fails(answers, readings, policy, width):
    """`Line.step` ends the test where it is sent something outside its box."""
    loop, _ = teleoperation(Line(width), policy(*answers), Gives(*readings))
    for _ in range(6):
        assert loop.step() is not None
    assert len(loop.env.actions) == 6
    try:
        rollout(Line(width), policy(*answers), Gives(*readings), seed=0)
    except EpisodeError as error:
        assert str(error).startswith(("policy", "operator"))


def test_the_kitchen_is_driven_within_its_box_by_a_policy_that_answers_anything():
    rng = np.random.default_rng(0)

    class Anything(Standing):
        def complete(self, obs, values, given):
            answer = rng.normal(scale=10 ** rng.uniform(-2, 20), size=values.shape)
            return np.where(rng.random(values.shape) < 0.02, np.nan, answer)

    env, low, high = make_kitchen(max_episode_steps=60), -1, 1
    loop, said = teleoperation(env, Anything(), Nobody(9))
    sent = np.array([loop.step().action for _ in range(60)])
    assert np.isfinite(sent).all() and (low <= sent).all() and (sent <= high).all()
    assert len(said) == 1
    env.close()
