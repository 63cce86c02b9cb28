"""Heads are distributions: they integrate to 1, and their summaries are those of their density."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from mac_control import InputError
from mac_control.engine.heads import Categorical
from mac_control.engine.mixtures import GaussianMixture, LogisticMixture

# Wide: a component is at times a dozen wide; fine: two and a half steps are the narrowest one.
GRID = torch.linspace(-200, 200, 100_001, dtype=torch.float64)
STEP = float(GRID[1] - GRID[0])


def some(head, seed=0, rows=4):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(rows, head.size, generator=generator, dtype=torch.float64)
    return head.initial().double() + noise


def on_support(head, params):
    """Values and their probabilities, `(rows, N)`: levels of a discrete head, a fine grid else."""
    if isinstance(head, GaussianMixture):
        return GRID, head.log_prob(params.unsqueeze(1), GRID.expand(len(params), -1)).exp() * STEP
    values = (
        torch.tensor(head.values)
        if isinstance(head, Categorical)
        else torch.linspace(head.low, head.high, head.levels)
    ).double()
    return values, head.log_prob(params.unsqueeze(1), values.expand(len(params), -1)).exp()


HEADS = [GaussianMixture(3), LogisticMixture(3, levels=33), Categorical([-1.0, 0.0, 2.5])]


@pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)
@settings(max_examples=10, deadline=None)
@example(seed=316)  # the densest level of a logistic mixture lies between its locations
@given(seed=st.integers(0, 10_000))
def test_summaries_are_those_of_the_density(head, seed):
    params = some(head, seed)
    value, mass = on_support(head, params)
    assert torch.allclose(mass.sum(1), torch.ones(4).double(), atol=1e-6)
    mean = (mass * value).sum(1)
    assert torch.allclose(head.mean(params), mean, atol=1e-6)
    std = (mass * (value - mean.unsqueeze(1)) ** 2).sum(1).sqrt()
    assert torch.allclose(head.std(params), std, atol=1e-5)
    density = mass / STEP if isinstance(head, GaussianMixture) else mass
    entropy = -torch.special.xlogy(mass, density).sum(1)
    assert torch.allclose(head.entropy(params), entropy, atol=1e-2)
    if not isinstance(head, GaussianMixture):  # mode of a mixture of Gaussians: among its means
        mode = head.log_prob(params, head.mode(params)).exp()
        assert (mode >= head.log_prob(params, head.mean(params)).exp()).all()


@pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)
def test_samples_follow_the_density(head):
    params = some(head, rows=1)
    generator = torch.Generator().manual_seed(0)
    drawn = head.sample(params.expand(20_000, -1), generator)
    value, mass = on_support(head, params)
    if isinstance(head, GaussianMixture):
        cdf = mass[0].cumsum(0).numpy()
        assert kstest(drawn.numpy(), lambda x: np.interp(x, GRID.numpy(), cdf)).pvalue > 1e-4
    else:
        counts = (drawn.unsqueeze(1) - value).abs().argmin(1).bincount(minlength=len(value))
        expected = mass[0] * len(drawn)
        often = expected >= 5
        seen = torch.cat([counts[often], counts[~often].sum().view(1)])
        wanted = torch.cat([expected[often], expected[~often].sum().view(1)])
        keep = wanted > 1e-6
        assert chisquare(seen[keep], wanted[keep], sum_check=False).pvalue > 1e-4
    again = head.sample(params.expand(20_000, -1), torch.Generator().manual_seed(0))
    assert torch.equal(drawn, again)
    assert torch.equal(head.sample(params, temperature=0), head.mode(params))
    cold = head.sample(params.expand(20_000, -1), generator, temperature=0.1)
    assert cold.std() <= drawn.std()


def test_a_density_without_atoms_diverges_on_values_at_the_ends_of_the_box():
    """A third of the values at the upper end: likelihood without bound, unless there is an atom."""
    x = torch.cat([torch.full((100,), 1.0), torch.linspace(-0.9, 0.9, 200)])
    reached = []
    for log_scale in (-2.0, -6.0, -10.0):  # one component for the values at the end
        head = GaussianMixture(2, min_scale=1e-6)
        params = torch.tensor([0.0, 0.7, 1.0, 0.0, log_scale, -0.5])
        reached.append(float(head.log_prob(params.expand(300, -1), x).mean()))
    assert reached[0] < reached[1] - 1 < reached[2] - 2
    bounded = []
    for loc in (1.0, 2.0, 5.0):
        head = LogisticMixture(2)
        params = torch.tensor([0.0, 0.7, loc, 0.0, -2.0, -0.5])
        mass = head.log_prob(params.expand(300, -1), x)
        assert (mass <= 0).all()
        bounded.append(float(mass[:100].mean()))
    assert bounded[-1] > -1.2  # near the log of its share: the atom holds what lies at the end


@pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extreme_parameters_stay_finite_with_their_gradients(head, dtype):
    params = (some(head, rows=64) * 30).to(dtype).requires_grad_()
    value = torch.tensor(getattr(head, "values", [-1.0, 0.3, 1.0])).repeat(64)[:64]
    log_prob = head.log_prob(params, value)
    assert log_prob.dtype == torch.float32
    log_prob.sum().backward()
    assert torch.isfinite(log_prob).all() and torch.isfinite(params.grad).all()
    for summary in (head.mean, head.mode, head.std, head.entropy, head.sample):
        assert torch.isfinite(summary(params)).all()


def test_weights_that_round_to_more_than_1_leave_every_summary_finite():
    head = LogisticMixture(5, min_scale=0.02)
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(1000, 5, generator=generator)
    params = torch.cat(
        [weights, torch.rand(1000, 5, generator=generator) - 0.5, torch.full((1000, 5), -6.0)], -1
    )
    assert (head.entropy(params) >= 0).all() and (head.std(params) >= 0).all()


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: GaussianMixture(0), "components"),
        (lambda: GaussianMixture(2, min_scale=0), "min_scale"),
        (lambda: LogisticMixture(low=1, high=-1), "low < high"),
        (lambda: Categorical([1.0, 1.0]), "values"),
    ],
)
def test_wrong_heads_are_refused(make, word):
    with pytest.raises(InputError, match=word):
        make()


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0, 2.0])
def test_a_logistic_draws_from_its_density_to_the_power_of_one_over_the_temperature(temperature):
    head = LogisticMixture(1, levels=4001)
    params = torch.tensor([0.0, 0.1, np.log(0.05)])
    _, _, log_scale = head._split(params)
    z = (torch.linspace(-1, 1, 4001).double() - 0.1) / float(log_scale.exp())
    log_density = torch.nn.functional.logsigmoid(z) + torch.nn.functional.logsigmoid(-z)
    share = (log_density / temperature).softmax(0).cumsum(0).numpy()
    drawn = head.sample(params.expand(4000, 3), torch.Generator().manual_seed(0), temperature)
    at = ((drawn.double().numpy() + 1) / 2 * 4000).round().astype(int)
    assert kstest(share[at], "uniform").pvalue > 1e-3
