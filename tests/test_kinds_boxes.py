"""Any box: one-sided, tiny, large; given values in it are executed as they are."""

import json

import gymnasium
import h5py
import numpy as np
import pytest
from gymnasium.spaces import Box
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control.demonstrations.faults import find_faults
from mac_control.loop import rollout
from mac_control.operators import Operator
from mac_control.partial import PartialAction
from mac_control.policies.bc import BC
from mac_control.policies.mac import MacConfig, MacPolicy
from mac_control.policies.mixture_bc import MixtureBC
from mac_control.robot import ActionDim, Robot

ENDS = st.tuples(
    st.floats(-1e4, 1e4, width=32), st.sampled_from([1e-4, 0.03, 0.8, 1.0, 50.0, 3e4])
).map(lambda pair: (np.float32(pair[0]), np.float32(pair[0] + max(pair[1], abs(pair[0]) / 100))))


class Arm(gymnasium.Env):
    """Observes its last action; keeps what it was sent."""

    def __init__(self, low, high):
        self.action_space = Box(np.full(3, low), np.full(3, high), dtype=np.float32)
        self.observation_space = Box(-np.inf, np.inf, (3,), np.float32)
        self.sent = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.sent = []
        return np.zeros(3, np.float32), {}

    def step(self, action):
        self.sent.append(np.array(action))
        return np.zeros(3, np.float32), 0.0, len(self.sent) == 3, False, {}


class Says(Operator):
    """Gives the first dimensions."""

    def __init__(self, values):
        self.values = np.asarray(values, np.float32)

    def read(self, obs):
        return PartialAction(self.values, [True, True, False])


@given(ENDS, st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_given_values_in_the_box_are_executed_bit_for_bit(ends, first, second):
    low, high = ends
    values = np.float32([low + first * (high - low), low + second * (high - low), 0]).clip(*ends)
    narrow = (low + (high - low) * 0.4, low + (high - low) * 0.6)  # the range of its data
    policy = BC(BC.Config(width=8), np.zeros(3), np.ones(3), *(np.full(3, e) for e in narrow))
    policy.guessed_box = True  # all that its data say
    env = Arm(low, high)
    found = rollout(env, policy, Says(values), seed=0)
    assert (found.actions[:, :2] == values[:2]).all()
    assert all(env.action_space.contains(action) for action in env.sent)


@pytest.mark.parametrize("kind", [MacPolicy, MixtureBC])
@given(ends=ENDS)
@settings(max_examples=10, deadline=None)
def test_a_density_beyond_the_box_is_a_density(kind, ends):
    low, high = (np.full(1, float(end)) for end in ends)
    config = (
        MacConfig(width=16, layers=1, obs_width=16)
        if kind is MacPolicy
        else MixtureBC.Config(width=16)
    )
    policy = kind(config, np.zeros(2), np.ones(2), low, high)
    middle, half = (low + high) / 2, (high - low) / 2
    grid = (middle + half * np.linspace(-30, 30, 6001)[:, None]).astype(np.float32)
    log_prob = policy.log_prob(np.zeros((len(grid), 2)), PartialAction.everything(grid))
    total = np.trapezoid(np.exp(log_prob.astype(np.float64)), grid[:, 0].astype(np.float64))
    assert abs(total - 1) < 0.05
    assert log_prob[0] < log_prob[2800]  # far out is less likely than at the edge


@given(ends=ENDS, inside=st.booleans())
@settings(max_examples=15, deadline=None)
def test_data_are_checked_against_the_box_of_their_robot(tmp_path_factory, ends, inside):
    low, high = map(float, ends)
    robot = Robot("arm", tuple(ActionDim(f"a{i}", low, high) for i in range(2)))
    actions = np.full((6, 2), high if inside else high + (high - low), np.float32)
    path = tmp_path_factory.mktemp("box") / "data.hdf5"
    with h5py.File(path, "w") as file:
        file["observations"], file["actions"] = np.zeros((6, 3), np.float32), actions
        file["terminals"] = np.arange(6) == 5
        file.attrs["mac_control"] = json.dumps({"robot": robot.to_json()})
    assert any("outside the action box" in fault for fault in find_faults(path)) != inside
