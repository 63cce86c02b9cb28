"""Implicit behaviour cloning, and its samplers on an energy whose minimum is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mac_control.checkpoint import load_policy, save_policy
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.demonstrations.table import Steps
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.ibc import IBC, IBCConfig
from mac_control.policies.samplers import derivative_free, gradient, langevin, lowest
from mac_control.training import TrainConfig, train

SMALL = IBCConfig(width=32, iterations=10, samples=32)
DFO = replace(SMALL, sampler="dfo", negatives=32, iterations=3, samples=256)

# E(a) = (a - m)' A (a - m) / 2, coupled, so that clamping one dimension moves the others.
A = torch.tensor([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 2.0]])
M = torch.tensor([0.3, -0.4, 0.1])


def quadratic(sharpness):
    def energy(action):
        away = action - M
        return sharpness * torch.einsum("...i,ij,...j->...", away, A, away) / 2

    return energy


def start(generator, given=None, batch=4, candidates=256):
    action = 2 * torch.rand((batch, candidates, 3), generator=generator) - 1
    free = torch.ones(batch, 1, 3, dtype=torch.bool)
    if given is not None:
        index, value = given
        action[..., index], free[..., index] = value, False
    return action, free


def minimum(given=None):
    """Closed form: with dimension g clamped, A_rr (a_r - m_r) = -A_rg (a_g - m_g)."""
    if given is None:
        return M.clone()
    index, value = given
    rest = [i for i in range(3) if i != index]
    best = M.clone()
    best[index] = value
    shift = torch.linalg.solve(A[rest][:, rest], A[rest, index] * (value - M[index]))
    best[rest] -= shift
    return best


@pytest.mark.parametrize("given", [None, (0, -0.2), (2, 0.8)])
@pytest.mark.parametrize("method", ["langevin", "dfo"])
def test_samplers_find_the_minimum_and_leave_clamped_dimensions_alone(method, given):
    generator = torch.Generator().manual_seed(0)
    energy = quadratic(50.0)
    action, free = start(generator, given)
    if method == "langevin":
        noise = 0.1 * torch.randn((100, *action.shape), generator=generator)
        found = langevin(energy, action, free, noise, step=0.02)
    else:
        found = derivative_free(energy, action, free, 8, generator)
    torch.testing.assert_close(
        lowest(energy, found), minimum(given).expand(4, 3), atol=0.03, rtol=0
    )
    if given is not None:
        assert (found[..., given[0]] == action[..., given[0]]).all()
    assert (found.abs() <= 1).all()


def test_a_langevin_step_is_half_a_gradient_step_plus_noise_and_no_longer_than_allowed():
    action = torch.tensor([[[0.1, 0.2, -0.3], [0.9, -0.9, 0.9]]])
    noise = torch.randn((1, 1, 2, 3), generator=torch.Generator().manual_seed(0))
    free = torch.tensor([[[True, True, False]]])
    for step in (0.01, 10.0):
        delta = step * ((action - M) @ A / 2 + noise[0])
        expected = torch.where(free, (action - delta.clamp(-0.1, 0.1)).clamp(-1, 1), action)
        moved = langevin(quadratic(1.0), action, free, noise, step)
        torch.testing.assert_close(moved, expected)


def test_gradient_is_that_of_the_energy():
    action = torch.randn(2, 5, 3)
    expected = (action - M) @ A * 7.0
    torch.testing.assert_close(gradient(quadratic(7.0), action), expected)


@pytest.mark.parametrize("config", [SMALL, DFO], ids=["langevin", "dfo"])
def test_it_learns_one_of_two_modes_and_never_their_mean(tmp_path, config):
    """Half of the demonstrations go left, half right; the mean of the two is never done."""
    rng = np.random.default_rng(0)
    episodes = []
    for side in (-0.6, 0.6):
        obs = rng.uniform(-1, 1, size=(300, 1))
        episodes.append(Episode(obs, np.hstack([np.full_like(obs, side), side * obs])))
    (folder,) = train(
        "ibc",
        Demonstrations(episodes),
        tmp_path,
        policy_config=config,
        config=TrainConfig(steps=200, batch_size=64, lr=5e-3, warmup=10, ema=0.9),
        progress=False,
    )
    policy = load_policy(folder)
    policy.reset(seed=0)
    obs = np.linspace(-0.9, 0.9, 40)[:, None]
    action = policy.act(obs)
    side = np.sign(action[:, 0])
    assert np.abs(np.abs(action[:, 0]) - 0.6).mean() < 0.15
    assert np.abs(action[:, 1] - side * 0.6 * obs[:, 0]).mean() < 0.2
    # Clamping the first dimension chooses the side, and the second follows.
    for side in (-0.6, 0.6):
        values = np.column_stack([np.full(40, side), np.zeros(40)])
        partial = PartialAction(values, np.tile([True, False], (40, 1)))
        filled = policy.act(obs, partial)
        assert (filled[:, 0] == np.float32(side)).all()
        assert np.abs(filled[:, 1] - side * obs[:, 0]).mean() < 0.2


@pytest.mark.parametrize("config", [SMALL, DFO, replace(SMALL, spectral_norm=True)])
def test_reset_decides_what_is_drawn_and_checkpoints_keep_it(tmp_path, config):
    torch.manual_seed(0)
    policy = IBC(config, np.zeros(3), np.ones(3), -np.ones(2), np.ones(2)).eval()
    loaded = load_policy(save_policy(tmp_path, policy))
    answers = []
    for each, seed in ((policy, 0), (policy, 0), (loaded, 0), (policy, 1)):
        each.reset(seed)
        answers.append(each.act(np.ones(3)))
    assert (answers[0] == answers[1]).all() and (answers[0] == answers[2]).all()
    assert (answers[0] != answers[3]).any()


def test_gradients_beyond_the_margin_are_punished():
    torch.manual_seed(0)
    policy = IBC(replace(SMALL, margin=0.0), np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
    without = IBC(replace(SMALL, penalty=0.0), np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
    without.load_state_dict(policy.state_dict())
    obs, action = torch.randn(8, 3), torch.rand(8, 2)
    steps = Steps(obs, action, action, action == action)
    batch = policy.draw(steps, torch.Generator().manual_seed(0))
    assert policy.loss(batch) > without.loss(batch)
    policy.loss(batch).backward()
    assert policy.action_layer.weight.grad.abs().sum() > 0


def test_several_seeds_are_trained_one_after_another(tmp_path):
    obs, actions = np.zeros((20, 3)), np.zeros((20, 2))
    folders = train(
        "ibc",
        Demonstrations([Episode(obs, actions)]),
        tmp_path,
        seeds=(0, 1),
        policy_config=replace(SMALL, spectral_norm=True),
        config=TrainConfig(steps=2, batch_size=4),
        progress=False,
    )
    assert [folder.name for folder in folders] == ["seed-0", "seed-1"]
    assert [load_policy(f).checkpoint["training"]["seed"] for f in folders] == [0, 1]


def test_the_published_configuration_and_impossible_ones():
    published = IBCConfig.published()
    assert (published.width, published.blocks, published.iterations) == (512, 8, 100)
    with pytest.raises(InputError, match="sampler"):
        IBCConfig(sampler="metropolis")
    with pytest.raises(InputError, match="negatives"):
        IBCConfig(negatives=0)
    for name in ("step", "noise", "move", "penalty"):
        for bad in (-0.1, np.nan, np.inf):
            with pytest.raises(InputError, match=f"{name}: expected a finite number from 0 on"):
                IBCConfig(**{name: bad})
