"""Policies beside MAC that know a joint density: what they do with what is given."""

import numpy as np
import pytest
import torch

from mac_control.checkpoint import load_policy
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.diffusion import Diffusion, DiffusionConfig
from mac_control.policies.mixture_bc import MixtureBC, MixtureBCConfig
from mac_control.training import TrainConfig, train


def two_ways(low=-1.0, high=1.0):
    """At every state two ways to go on: up in both dimensions, or down in both."""
    rng = np.random.default_rng(0)
    side = rng.choice([0.2, 0.8], size=(600, 1))
    actions = low + (high - low) * (side + 0.02 * rng.standard_normal((600, 2)))
    return Demonstrations([Episode(rng.standard_normal((600, 3)), actions)])


def trained(folder, name, config, data, steps=900):
    how = TrainConfig(steps=steps, lr=3e-3, batch_size=128, ema=0.99)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        (out,) = train(name, data, folder, policy_config=config, config=how, progress=False)
    finally:
        torch.set_num_threads(threads)
    return load_policy(out)


def filled(policy, value, count=40):
    """The second dimension where the first is given."""
    policy.reset(seed=0)
    values = np.tile([value, 0.0], (count, 1)).astype(np.float32)
    partial = PartialAction(values, np.tile([True, False], (count, 1)))
    action = policy.act(np.random.default_rng(1).standard_normal((count, 3)), partial)
    assert (action[:, 0] == np.float32(value)).all()
    return action[:, 1]


@pytest.fixture(scope="module")
def diffusion(tmp_path_factory):
    config = DiffusionConfig(width=64, depth=2, resample=3)
    return trained(tmp_path_factory.mktemp("diffusion"), "diffusion", config, two_ways(), 2500)


@pytest.fixture(scope="module")
def mixture(tmp_path_factory):
    config = MixtureBCConfig(width=32, components=3, condition=True)
    return trained(tmp_path_factory.mktemp("mixture"), "mixture_bc", config, two_ways(-3, 3))


def test_diffusion_goes_either_way_and_never_between(diffusion):
    diffusion.reset(seed=0)
    action = diffusion.act(np.zeros((200, 3)))
    assert (np.abs(np.abs(action) - 0.6) < 0.25).mean() > 0.9
    assert (np.sign(action[:, 0]) == np.sign(action[:, 1])).mean() > 0.95
    assert 0.2 < (action[:, 0] > 0).mean() < 0.8


def test_inpainting_follows_what_is_given(diffusion):
    for value in (-0.6, 0.6):
        assert (np.abs(filled(diffusion, value) - value) < 0.25).mean() > 0.9


def test_the_seed_decides_what_is_drawn(diffusion):
    draws = []
    for seed in (1, 1, 2):
        diffusion.reset(seed)
        draws.append(diffusion.act(np.zeros((5, 3))))
    assert np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[0], draws[2])


def test_ddpm_works_too(diffusion):
    config = DiffusionConfig(width=64, depth=2, scheduler="ddpm", iterations=25, resample=2)
    box = (diffusion.obs_mean, diffusion.obs_std, diffusion.action_low, diffusion.action_high)
    policy = Diffusion(config, *(part.numpy() for part in box))
    policy.load_state_dict(diffusion.state_dict())
    assert (np.abs(filled(policy, 0.6) - 0.6) < 0.25).mean() > 0.9


def test_a_mixture_follows_what_is_given_only_where_it_conditions(mixture):
    assert np.allclose(filled(mixture, 1.8), 1.8, atol=0.2)
    assert np.allclose(filled(mixture, -1.8), -1.8, atol=0.2)
    overlay = MixtureBC(
        MixtureBCConfig(width=32, components=3),
        *(getattr(mixture, n).numpy() for n in ("obs_mean", "obs_std", "action_low")),
        mixture.action_high.numpy(),
    )
    overlay.load_state_dict(mixture.state_dict())
    assert np.array_equal(filled(overlay, 1.8), filled(overlay, -1.8))


def test_a_mixtures_likelihood_is_a_density_in_action_units(mixture):
    obs = np.zeros((1201, 3), np.float32)
    grid = np.linspace(mixture.low[0], mixture.high[0], 1201)
    values = np.stack([grid, np.zeros(1201)], 1)
    given = np.tile([True, False], (1201, 1))
    density = np.exp(mixture.log_prob(obs, PartialAction(values, given)))
    assert density.sum() * (grid[1] - grid[0]) == pytest.approx(1.0, abs=0.02)
    nothing = PartialAction.nothing(4, 2)
    assert (np.abs(mixture.log_prob(obs[:4], nothing)) < 1e-6).all()


@pytest.mark.parametrize(
    ("config", "options", "name"),
    [
        (DiffusionConfig, {"iterations": 60}, "levels"),
        (DiffusionConfig, {"iterations": 30}, "iterations: expected a number that divides levels"),
        (DiffusionConfig, {"resample": 0}, "resample"),
        (DiffusionConfig, {"scheduler": "euler"}, "scheduler"),
        (MixtureBCConfig, {"components": 0}, "components"),
        (MixtureBCConfig, {"min_scale": 0.0}, "min_scale"),
    ],
)
def test_settings_that_cannot_be(config, options, name):
    with pytest.raises(InputError, match=name):
        config(**options)
