"""Behaviour cloning."""

import numpy as np
import pytest
import torch

from mac_control.demonstrations.table import Steps
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.bc import BC

BOX = np.zeros(3), np.ones(3), -np.ones(2), np.ones(2)


def test_given_dimensions_are_laid_over_and_change_nothing_else():
    policy = BC(BC.Config(width=8), *BOX)
    obs = np.random.default_rng(0).normal(size=(4, 3))
    given = np.array([[True, False]] * 4)
    action = policy.act(obs, PartialAction(np.full((4, 2), 0.3), given))
    assert (action[:, 0] == np.float32(0.3)).all()
    np.testing.assert_array_equal(action[:, 1], policy.act(obs)[:, 1])


def test_loss_is_the_mean_squared_error():
    policy = BC(BC.Config(width=8), *BOX)
    obs, action = torch.randn(6, 3), torch.randn(6, 2)
    batch = policy.draw(Steps(obs, action, action, action == action), torch.Generator())
    assert policy.loss(batch).item() == pytest.approx((policy(obs) - action).square().mean().item())


def test_normalisation_is_part_of_the_policy():
    torch.manual_seed(0)
    plain = BC(BC.Config(width=8), *BOX)
    torch.manual_seed(0)
    mean, std = np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.5, 1.0])
    scaled = BC(BC.Config(width=8), mean, std, *BOX[2:])
    obs = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(scaled.act(obs * std + mean), plain.act(obs), atol=1e-6)


def test_impossible_sizes():
    with pytest.raises(InputError, match="depth"):
        BC.Config(depth=0)
