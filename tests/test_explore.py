"""What a policy tries while it practises: exact likelihoods, advantages, divergences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_practice import mixture, policy

from mac_control.practice.explore import explorer_of
from mac_control.practice.learn import divergence
from mac_control.practice.play import advantages


def tried(acting, seed, mask):
    """An explorer, observations, what is given, and a draw that keeps it bit for bit."""
    explorer = explorer_of(acting, spread=1.0, correlation=0.5)
    generator = torch.Generator().manual_seed(seed)
    noise = explorer.start(3, generator)
    obs, x = torch.zeros(3, 1), torch.rand(3, 2, generator=generator) - 0.5
    known = torch.tensor([mask] * 3)
    drawn = explorer.draw(obs, x, known, noise)
    assert torch.equal(drawn[known], x[known])
    assert torch.equal(drawn, explorer.draw(obs, x, known, noise))
    return explorer, obs, known, drawn


@settings(max_examples=20)
@given(st.integers(0, 99), st.lists(st.booleans(), min_size=2, max_size=2))
def test_what_is_tried_has_the_likelihood_that_the_policy_says(seed, mask):
    acting = policy(seed)
    explorer, obs, known, drawn = tried(acting, seed, mask)
    inside = drawn.clamp(-1, 1)
    if all(mask):
        assert explorer.log_prob(obs, inside, known).tolist() == [0, 0, 0]
    else:  # the box is that of the unit: no units in between
        expected = acting.conditional_log_prob(np.zeros((3, 1)), inside.numpy(), known.numpy())
        assert explorer.log_prob(obs, inside, known).tolist() == pytest.approx(expected, abs=1e-4)


@settings(max_examples=20)
@given(st.integers(0, 99), st.lists(st.booleans(), min_size=2, max_size=2))
def test_a_mixture_density_too_has_the_likelihood_that_it_says(seed, mask):
    acting = mixture(seed)
    explorer, obs, known, drawn = tried(acting, seed, mask)
    expected = acting.conditional_log_prob(np.zeros((3, 1)), drawn.numpy(), known.numpy())
    assert explorer.log_prob(obs, drawn, known).tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("condition", [True, False])
def test_draws_of_a_mixture_density_have_its_moments(condition):
    explorer = explorer_of(mixture(condition=condition), spread=0.7, correlation=0.9)
    generator = torch.Generator().manual_seed(0)
    many = 20000
    obs, x = torch.zeros(many, 1), torch.full((many, 2), 0.3)
    known = torch.tensor([[True, False]] * many)
    drawn = explorer.draw(obs, x, known, explorer.start(many, generator))[:, 1]
    grid = torch.linspace(-12, 12, 4001)  # by the density that learning reads
    asked = torch.stack([torch.full_like(grid, 0.3), grid], -1)
    with torch.no_grad():
        density = explorer.log_prob(torch.zeros(4001, 1), asked, known[:4001]).exp()
    assert float(torch.trapezoid(density, grid)) == pytest.approx(1, abs=1e-3)
    mean = float(torch.trapezoid(density * grid, grid))
    std = float(torch.trapezoid(density * (grid - mean) ** 2, grid)) ** 0.5
    assert float(drawn.mean()) == pytest.approx(mean, abs=5 * std / many**0.5)
    assert float(drawn.std()) == pytest.approx(std, rel=0.05)


def test_draws_are_those_of_the_density_and_go_on_from_step_to_step():
    explorer = explorer_of(policy(components=1), spread=0.5, correlation=0.9)
    generator = torch.Generator().manual_seed(0)
    noise = explorer.start(4000, generator)
    obs, x = torch.zeros(4000, 1), torch.full((4000, 2), 0.3)
    known = torch.tensor([[True, False]] * 4000)
    first = explorer.draw(obs, x, known, noise)[:, 1]
    params = explorer.model.network(x[:1], torch.tensor([[0, 1]]), obs[:1], 1)[0, 1].detach()
    mean, std = (float(f(params)) for f in (explorer.head.mean, explorer.head.std))
    assert float(first.mean()) == pytest.approx(mean, abs=0.1 * std)
    assert float(first.std()) == pytest.approx(std, rel=0.05)
    assert std == pytest.approx(0.5 * float(policy(components=1).model.head.std(params)), rel=1e-4)
    second = explorer.draw(obs, x, known, explorer.next(noise, generator))[:, 1]
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.9, abs=0.03)


@given(st.lists(st.lists(st.floats(-2, 2), min_size=1, max_size=5), min_size=1, max_size=3),
       st.floats(0, 1), st.integers(0, 9))  # fmt: skip
def test_advantages_are_those_of_returns_where_all_of_the_trace_is_kept(episodes, discount, seed):
    rewards = np.float32(np.concatenate(episodes))
    lasts = np.concatenate([np.arange(len(e)) == len(e) - 1 for e in episodes])
    values = np.random.default_rng(seed).normal(size=len(rewards)).astype(np.float32)
    returns = [sum(discount**j * r for j, r in enumerate(e[i:]))
               for e in episodes for i in range(len(e))]  # fmt: skip
    found = advantages(rewards, values, lasts, discount, 1.0)
    assert found == pytest.approx(np.float32(returns) - values, abs=1e-4)


@given(st.floats(-30, 3), st.floats(-30, 3))
def test_a_divergence_is_never_negative(new, first):
    assert divergence(torch.tensor(new), torch.tensor(first)) >= 0
    assert divergence(torch.tensor(new), torch.tensor(new)) == 0


def test_a_divergence_pulls_back_however_far_it_is():
    new = torch.tensor([30.0, 0.0, -30.0], requires_grad=True)
    found = divergence(new, torch.zeros(3))
    found.sum().backward()
    assert new.grad[0] > 0.9 and new.grad[1] == 0 and -150 < new.grad[2] < -100
    assert found.isfinite().all()


def test_each_dimension_keeps_its_noise_whatever_else_is_given():
    explorer = explorer_of(policy(components=1), spread=0.5, correlation=0.9)
    noise = explorer.start(2, torch.Generator().manual_seed(0))
    obs, x = torch.zeros(2, 1), torch.zeros(2, 2)
    known = torch.tensor([[True, False], [False, False]])
    drawn = explorer.draw(obs, x, known, noise)
    place = torch.tensor([[0, 1], [1, 2]])
    params = explorer.model.network(drawn, place, obs)
    mean = explorer.head.mean(params)
    scale = explorer.head.std(params)
    tried = ((drawn - mean) / scale).detach()
    assert tried[0, 1] == pytest.approx(float(noise[1, 0, 1]), abs=1e-3)
    assert tried[1].tolist() == pytest.approx(noise[1, 1].tolist(), abs=1e-3)
