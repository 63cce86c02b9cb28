"""Limits that protect a robot: what is sent keeps them; what keeps them is sent as it is."""

import threading

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import Clock, Gives

from mac_control import ActionDim, InputError, PartialAction, Robot
from mac_control.envs.abilities import is_real
from mac_control.limits import Limits, chosen_limits, default_limits
from mac_control.policies import Policy, ZeroPolicy
from mac_control.robot import load_robot
from mac_control.teleop import Teleoperation
from mac_control.teleop.limiter import Limiter

RATE = 25.0
KINDS = ("joint_position", "joint_velocity", "ee_delta", "other")


def robot(limits=None):
    """One dimension of each kind, and a gripper."""
    joint = ActionDim("lift", -2.0, 1.0, "joint_position", "rad", position=0)
    others = [ActionDim(kind, -1.0, 1.5, kind) for kind in KINDS[1:]]
    grip = ActionDim("grip", 0.0, 100.0, "gripper", "%", position=1)
    return Robot("mixed", (joint, *others, grip), obs_names=("lift", "grip"), limits=limits)


def excess(sent, limits, of=None):
    """How far a sequence of actions `(T, D)` that began at rest breaks limits, of their size."""
    of = of or robot()
    v, a, j = (limits.of(of, name) for name in ("velocity", "acceleration", "jerk"))
    sent, worst = np.asarray(sent, float), 0.0
    for d, action in enumerate(of.actions):
        if action.kind == "ee_delta":
            speed = sent[:, d] * RATE
        else:
            speed = sent[:, d] if action.is_rate else np.diff(sent[:, d]) * RATE
        # Rounding to single precision is no motion.
        fine = 4 * np.finfo(np.float32).eps * max(abs(action.low), abs(action.high))
        more = RATE ** (1 if action.is_rate and action.kind != "ee_delta" else 2)
        slacks = (fine * RATE, 2 * fine * RATE * more, 4 * fine * RATE**3)
        for limit, slack in zip((v, a, j), slacks, strict=True):
            worst = max(worst, np.max(np.abs(speed)) - limit[d] * (1 + 1e-6) - 2 * slack)
            speed = np.diff(speed) * RATE
        low, high = np.float32(action.low), np.float32(action.high)
        assert ((low <= sent[:, d]) & (sent[:, d] <= high)).all()
    return worst


some_limits = st.builds(
    Limits,
    velocity=st.none() | st.floats(0.2, 20.0),
    acceleration=st.none() | st.floats(0.5, 100.0),
    jerk=st.none() | st.floats(5.0, 1000.0),
    step=st.none() | st.fixed_dictionaries({"lift": st.floats(0.1, 1.0)}),
    on_violation=st.sampled_from(["clamp", "reject"]),
)


def wild(rng, steps):
    """Requests as nobody sane makes them: jumps, noise, ramps, and standing still."""
    low, high = robot().low, robot().high
    rows, at = [], np.zeros(5)
    while len(rows) < steps:
        kind, length = rng.integers(4), rng.integers(1, 12)
        goal = rng.uniform(low, high)
        for i in range(length):
            noise = rng.normal(0, 0.02, 5) * (high - low)
            at = [goal, at + noise, at + (goal - at) * (i + 1) / length, at][kind]
            rows.append(np.clip(at, low, high))
    return np.array(rows[:steps], np.float32)


@settings(max_examples=12)
@given(some_limits, st.integers(0, 2**32 - 1))
def test_what_is_sent_keeps_the_limits_whatever_is_asked_for(limits, seed):
    rng = np.random.default_rng(seed)
    limiter = Limiter(robot(), limits, RATE)
    limiter.reset(np.zeros(5))
    sent = [np.zeros(5)] * 4
    for asked in wild(rng, 50):
        hold = rng.random(5) < 0.1 if rng.random() < 0.3 else None
        obs = limiter.last[[0, 4]] + rng.normal(0, 0.05, 2) * (rng.random() < 0.5)
        sent.append(limiter.send(asked, obs, hold))
    assert excess(sent, limits) <= 0


@settings(max_examples=8)
@given(some_limits, st.integers(0, 2**32 - 1))
def test_what_keeps_the_limits_passes_bit_for_bit(limits, seed):
    first, again = Limiter(robot(), limits, RATE), Limiter(robot(), limits, RATE)
    for limiter in (first, again):
        limiter.reset(np.zeros(5))
    for asked in wild(np.random.default_rng(seed), 40):
        kept = first.send(asked)
        assert np.array_equal(again.send(kept), kept)


@settings(max_examples=10)
@given(st.floats(0.5, 5), st.floats(4, 50), st.floats(40, 2000), st.floats(-2, 1))
def test_a_target_is_reached_without_overshoot_and_a_hold_comes_to_rest(v, a, j, goal):
    limiter = Limiter(robot(), Limits(velocity=v, acceleration=a, jerk=j), RATE)
    limiter.reset(np.zeros(5))
    asked = np.float32([goal, 0, 0, 0, 0])
    path = [float(limiter.send(asked)[0]) for _ in range(150)]
    assert path[-1] == pytest.approx(goal, abs=1e-4)
    # At most what one period at the smallest change of acceleration moves.
    assert max(np.sign(goal) * np.array(path)) <= abs(goal) + max(1e-5, 2 * j / RATE**3)
    limiter.send(np.float32([-goal, 0, 0, 0, 0]))
    for _ in range(50):
        held = limiter.send(asked, hold=np.ones(5, bool))
    assert not limiter.moving and limiter.reasons == ()
    assert np.array_equal(limiter.send(asked, hold=np.ones(5, bool)), held)


@pytest.mark.parametrize("way", ["clamp", "reject", "pass"])
def test_a_stop_brings_velocities_to_rest_whatever_happens_beyond_limits(way):
    limiter = Limiter(robot(), Limits(acceleration=20.0, on_violation=way), RATE)
    limiter.reset(np.zeros(5))
    for share in np.linspace(0, 1, 40):
        limiter.send(share * np.float32([0, 1.5, 1, -1, 0]))
    assert limiter.moving
    rest = np.where(limiter.latched, limiter.last, 0.0)
    for _ in range(60):
        sent = limiter.send(rest, hold=limiter.latched)
    assert not limiter.moving and not sent[~limiter.latched].any()


def test_the_reason_is_named_and_reject_sends_nothing_of_it():
    fast = np.float32([1.0, 0, 0, 0, 0])
    named = ("velocity", "acceleration", "jerk")
    for ways in [(1,), (1, 2), (0,), (0, 1, 2)]:
        chosen = {named[i]: 0.5 for i in ways}
        limiter = Limiter(robot(), Limits(**chosen), RATE)
        limiter.reset(np.zeros(5))
        limiter.send(fast)
        assert limiter.reasons == tuple(f"lift: {named[i]}" for i in ways)
    for way, sent in (("reject", 0.0), ("pass", 1.0)):
        limiter = Limiter(robot(), Limits(velocity=0.5, on_violation=way), RATE)
        limiter.reset(np.zeros(5))
        asked = fast + np.float32([0, 0.25, 0, 0, 0])
        assert limiter.send(asked)[:2].tolist() == [sent, 0.25 if way == "pass" else 0.0]
        assert limiter.reasons == ("lift: velocity",)
    limits = Limits(velocity=2.0, on_violation="pass")
    limiter = Limiter(robot(), limits, RATE)
    sent = [np.zeros(5), *(limiter.send(row) for row in wild(np.random.default_rng(0), 20))]
    assert excess(sent, limits) > 1  # as the other tests would find
    limiter = Limiter(robot(), Limits(step={"lift": 0.1}), RATE)
    limiter.reset(np.zeros(5))
    assert limiter.send(fast, np.zeros(2))[0] == np.float32(0.1)
    assert limiter.reasons == ("lift: step",)


@pytest.mark.parametrize(("way", "sent"), [("clamp", 0.5), ("reject", 0.0), ("pass", 0.9)])
def test_the_velocity_of_a_velocity_is_limited_and_named_too(way, sent):
    arm = Robot("arm", (ActionDim("turn", -1, 1, "joint_velocity", "rad/s"), ActionDim("b")))
    limiter = Limiter(arm, Limits(velocity={"turn": 0.5}, on_violation=way), RATE)
    for _ in range(3):
        assert limiter.send(np.float32([0.9, 0.9]))[0] == pytest.approx(sent)
        assert limiter.reasons == ("turn: velocity",)
    assert limiter.send(np.float32([0.5, 0]))[0] == 0.5 and limiter.reasons == ()


class Arm(gymnasium.Env):
    """Joints that follow their targets, unless something is in the way; keeps what it was sent."""

    real = True

    def __init__(self, limits=None, blocked=np.inf):
        self.robot, self.blocked = robot(limits), blocked
        self.observation_space = gymnasium.spaces.Box(-200, 200, (2,), np.float64)
        self.action_space = gymnasium.spaces.Box(self.robot.low, self.robot.high)
        self.sent, self.at = [], np.array([0.0, 0.0])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.at.copy(), {}

    def step(self, action):
        self.sent.append(np.array(action, float))
        self.at += 0.5 * (np.minimum(action[[0, 4]], self.blocked) - self.at)
        return self.at.copy(), 0.0, False, len(self.sent) % 17 == 0, {}


class Wild(Policy):
    """Answers in every way that a policy can: also late, not at all, and with what is no number."""

    obs_dim, low, high = 2, robot().low, robot().high

    def __init__(self, rng):
        self.rng = rng

    def complete(self, obs, partial):
        kind = self.rng.integers(8)
        if kind == 0:
            raise RuntimeError("lost its weights")
        scale = np.nan if kind == 1 else 1e9 if kind == 2 else 1.0
        return self.rng.uniform(self.low, self.high, partial.values.shape) * scale


@settings(max_examples=10)
@given(some_limits, st.integers(0, 2**32 - 1))
def test_no_operator_policy_or_command_makes_a_real_robot_break_its_limits(limits, seed):
    rng, clock = np.random.default_rng(seed), Clock()

    def gives():
        kind = rng.integers(6)
        if kind == 0:
            raise OSError("unplugged")
        values = rng.uniform(-200, 200, 5) * (1e6 if kind == 1 else 1.0)
        return PartialAction(values, rng.random(5) < 0.5)

    env = Arm(limits)
    options = {"rate": RATE, "clock": clock, "sleep": clock.sleep, "say": lambda text: None}
    loop = Teleoperation(env, Wild(rng), Gives(gives), **options)
    for _ in range(60):
        if rng.random() < 0.15:
            loop.post(rng.choice(["pause", "start", "estop", "release", "reset", "success"]))
        loop.step()
    at_rest = [np.zeros(5)] * 4
    assert excess([*at_rest, *env.sent], limits) <= 0
    loop.close()
    # It was brought to rest, within the limits too: what is sent last is sent for ever.
    rest = env.sent[-1] if len(env.sent) else np.zeros(5)
    assert excess([*at_rest, *env.sent, rest, rest, rest], limits) <= 0


def test_a_joint_that_does_not_follow_stops_the_robot_which_lets_go_of_it():
    limits = Limits(velocity=1.0, step={"lift": 0.4}, stall_error={"lift": 0.2}, stall_time=0.5)
    env, clock, said = Arm(limits, blocked=0.3), Clock(), []
    pulls = Gives(PartialAction([0.9, 0, 0, 0, 0], [True, False, False, False, False]))
    policy = ZeroPolicy(2, env.robot.low, env.robot.high)
    options = {"rate": RATE, "clock": clock, "sleep": clock.sleep, "say": said.append}
    loop = Teleoperation(env, policy, pulls, **options)
    loop.run(steps=60)
    assert loop.stopped and said[-1] == "lift: does not follow; the robot is stopped"
    assert max(row[0] for row in env.sent) <= 0.3 + 0.4 + 1e-6
    assert env.sent[-1][0] == pytest.approx(0.3, abs=1e-3)  # where the joint is
    env.blocked = np.inf
    loop.post("release")
    loop.run(steps=60)
    assert not loop.stopped and env.sent[-1][0] == pytest.approx(0.9)


def test_a_policy_that_is_late_is_not_waited_for_and_its_answer_is_thrown_away():
    limits = Limits(policy_timeout=0.02)
    env, said, free = Arm(limits), [], threading.Event()
    free.set()

    class Slow(ZeroPolicy):
        asked = 0

        def complete(self, obs, partial):
            Slow.asked += 1
            free.wait(timeout=60)
            return np.full(partial.values.shape, 0.5, np.float32)

    loop = Teleoperation(
        env, Slow(2, env.robot.low, env.robot.high), Gives(PartialAction.of({1: 0.5}, 5)),
        rate=200.0, ramp=1.0, say=said.append,
    )  # fmt: skip
    loop.guard.patience = 10.0
    assert isinstance(loop.policy, ZeroPolicy)
    Answering = type("Answering", (Policy,), {"complete": Slow.complete})
    policy = Answering()
    policy.obs_dim, policy.low, policy.high = 2, env.robot.low, env.robot.high
    loop.use(policy)
    assert loop.step().filled[3] == 0.5
    free.clear()
    loop.guard.patience = 0.02
    before = env.sent[-1].copy()
    for _ in range(3):
        step = loop.step()
        assert np.array_equal(step.action[[0, 4]], np.float32(before[[0, 4]]))  # they are held
        assert step.action[1] == 0.5  # what the operator gives goes out all the same
    assert said == [
        "policy: TimeoutError: expected an answer within 0.02 s, got none; "
        "free dimensions hold still until it answers"
    ]
    asked = Slow.asked
    free.set()
    while loop.guard.busy:
        pass
    loop.guard.patience = 10.0
    assert loop.step().filled[3] == 0.5 and Slow.asked == asked + 1
    loop.close()


def test_limits_are_in_the_description_and_on_by_default_for_a_real_robot(tmp_path):
    text = """
        name = "arm"
        [[actions]]
        name = "elbow"
        kind = "joint_position"
        position = 0
        [[actions]]
        name = "grip"
        [groups]
        all = ["elbow", "grip"]
        [limits]
        velocity = {all = 2.0, grip = 0.5}
        acceleration = 8
        step = {elbow = 0.1}
        on_violation = "reject"
    """
    path = tmp_path / "arm.toml"
    path.write_text(text)
    arm = load_robot(path)
    assert arm.limits.of(arm, "velocity").tolist() == [2.0, 0.5]
    assert arm.limits.of(arm, "step").tolist() == [0.1, np.inf]
    assert Robot.from_json(arm.to_json()) == arm
    assert "limits" not in robot().to_json()
    assert is_real(Arm()) and chosen_limits(robot(), real=True) == default_limits(robot())
    assert chosen_limits(robot(), real=False) is None and chosen_limits(arm, False) == arm.limits
    assert chosen_limits(arm, True, "off") is None
    assert chosen_limits(arm, True, "pass").on_violation == "pass"
    for wrong, message in {
        "velocity = 0": "velocity: expected a number above 0, got 0",
        "jerk = {elbo = 1.0}": "limits: jerk: .*'elbo'.*elbow",
        "step = {grip = 1.0}": "step: expected position targets whose position is observed, got gr",
        'on_violation = "clmp"': "on_violation: expected one of clamp, reject, pass, got 'clmp'",
        "speed = 1.0": "limits: expected keys out of velocity",
    }.items():
        path.write_text(text.split("velocity =")[0] + wrong)
        with pytest.raises(InputError, match=message):
            load_robot(path)
    with pytest.raises(InputError, match="limits: expected one of auto, off, clamp"):
        chosen_limits(arm, True, "maybe")


def test_limits_are_in_real_time():
    env = Arm(Limits(velocity=1.0))
    policy = ZeroPolicy(2, env.robot.low, env.robot.high)
    with pytest.raises(InputError, match="speed: expected 1 with a real robot, got 4"):
        Teleoperation(env, policy, Gives(PartialAction.nothing(5)), rate=RATE, speed=4.0)
