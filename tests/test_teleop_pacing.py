"""Real time: deadlines that do not drift, and actions at even intervals."""

import gymnasium
import numpy as np
import pytest

from mac_control.operators import Nobody
from mac_control.policies import Policy
from mac_control.teleop import Teleoperation
from mac_control.teleop.pacing import Pacer

PERIOD = 0.08


def test_deadlines_do_not_drift_and_overruns_are_not_made_up_for(new_clock):
    clock = new_clock()
    pacer = Pacer(12.5, clock=clock, sleep=clock.sleep)
    began = clock()
    for k in range(100):
        clock.sleep(0.03)
        assert pacer.wait() == pytest.approx(0, abs=1e-9)
        assert clock() - began == pytest.approx((k + 1) * PERIOD)
    clock.sleep(0.3)  # three deadlines pass
    assert pacer.wait() == pytest.approx(0.22) and pacer.overruns == 2
    clock.sleep(0.001)
    pacer.wait()
    assert clock() - began == pytest.approx(104 * PERIOD)


class Uneven(Policy):
    """Thinks for 2 ms, now and then for 30 ms."""

    obs_dim, low, high = 3, -np.ones(2, np.float32), np.ones(2, np.float32)

    def __init__(self, clock):
        self.clock, self.asked = clock, 0

    def complete(self, obs, partial):
        self.asked += 1
        self.clock.sleep(0.03 if self.asked % 10 == 0 else 0.002)
        return np.zeros(partial.values.shape, np.float32)


class Stamps(gymnasium.Env):
    """Notes when each action arrives, and takes 3 ms."""

    observation_space = gymnasium.spaces.Box(-1, 1, (3,), np.float64)
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, clock):
        self.clock, self.arrived = clock, []

    def reset(self, *, seed=None, options=None):
        return np.zeros(3), {}

    def step(self, action):
        self.arrived.append(self.clock())
        self.clock.sleep(0.003)
        return np.zeros(3), 0.0, False, False, {}


def test_actions_go_out_at_even_intervals_whatever_the_policy_takes(new_clock):
    clock = new_clock()
    env = Stamps(clock)
    loop = Teleoperation(
        env, Uneven(clock), Nobody(2), rate=1 / PERIOD, clock=clock, sleep=clock.sleep
    )
    loop.run(steps=200)
    intervals = np.diff(env.arrived)
    assert np.median(intervals) == pytest.approx(PERIOD)
    assert (np.abs(intervals - PERIOD) < 1e-6).mean() > 0.75
    assert env.arrived[-2] - env.arrived[100] == pytest.approx(98 * PERIOD)  # no drift
    assert loop.pacer.overruns == 0


def test_a_sleep_that_lasts_longer_each_time_is_asked_for_less(new_clock):
    clock = new_clock()
    pacer = Pacer(12.5, clock=clock, sleep=lambda seconds: clock.sleep(seconds + 2e-4))
    late = [pacer.wait() for _ in range(500)]
    assert late[0] == pytest.approx(2e-4) and max(late[-100:]) < 2e-5
    clock.sleep(10)  # a machine that was asleep teaches nothing about sleeping
    pacer.wait()
    began = clock()
    pacer.wait()
    assert 0 <= clock() - began <= PERIOD + 2e-4
