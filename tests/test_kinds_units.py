"""A policy learns the same, whatever the units of observations and the action box."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control.checkpoint import load_policy
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.robot import ActionDim, Robot
from mac_control.training import TrainConfig, train


def trained(folder, name, factor, low, high):
    """Predictions of held-out steps in the unit box, of a policy that saw other units."""
    rng = np.random.default_rng(0)
    episodes, asked = [], None
    for number in range(3):
        obs = np.cumsum(rng.normal(size=(40, 3)), 0) * 0.002 + 0.5
        unit = np.tanh(400 * np.diff(obs, axis=0, append=obs[-1:])[:, :2])
        action = low + (unit + 1) / 2 * (high - low)
        if number == 2:
            asked = obs * factor
        else:
            episodes.append(Episode(obs * factor, action))
    robot = Robot("arm", (ActionDim("a", low, high), ActionDim("b", low, high)))
    config = TrainConfig(steps=25, batch_size=16, warmup=2, ema=0.9)
    data = Demonstrations(episodes, robot=robot)
    policy = load_policy(train(name, data, folder, config=config, progress=False)[0])
    return (policy.act(asked) - low) / (high - low) * 2 - 1


@given(
    name=st.sampled_from(["bc", "mixture_bc", "mac"]),
    factor=st.sampled_from([1e-3, 57.29578, 1e3]),
    box=st.sampled_from([(-0.4, 0.4), (-100.0, 100.0), (0.0, 1.0), (-1e-4, 0.0)]),
)
@settings(max_examples=4, deadline=None)
def test_metres_and_millimetres_make_one_policy(tmp_path_factory, name, factor, box):
    usual = trained(tmp_path_factory.mktemp("usual"), name, 1.0, -1.0, 1.0)
    other = trained(tmp_path_factory.mktemp("other"), name, factor, *box)
    np.testing.assert_allclose(other, usual, atol=5e-3)
