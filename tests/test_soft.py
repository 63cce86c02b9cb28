"""Soft commands: Gaussian evidence is weighed exactly."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import InputError, PartialAction, make_operator
from mac_control.engine.mixtures import GaussianMixture, LogisticMixture
from mac_control.engine.mlp import MaskedMLP
from mac_control.engine.model import AnyOrder
from mac_control.engine.soft import Posterior, fill_soft, posterior, spread
from mac_control.partial import WIDEST
from mac_control.policies import MacConfig, MacPolicy
from mac_control.policies.bc import BC, BCConfig
from mac_control.policies.mixture_bc import MixtureBC
from mac_control.policies.trusted import Dial
from mac_control.teleop.mapping_file import parse_mapping

GRID = torch.linspace(-5, 5, 161, dtype=torch.float64)


def model(seed=0, dim=3):
    """A joint whose dimensions depend on each other, of several modes."""
    torch.manual_seed(seed)
    head = GaussianMixture(components=2, min_scale=0.2)
    network = MaskedMLP(dim, 0, head.size, 16, 1, 0, 0, head.initial()).double()
    with torch.no_grad():
        network.leave.weight.mul_(12)
        network.enter.weight.mul_(2)
    return AnyOrder(network, head)


def policy(**config):
    torch.manual_seed(0)
    box, obs = np.ones(4), np.zeros(5)
    made = MacPolicy(MacConfig(width=16, layers=1, obs_width=16, **config), obs, obs + 1, -box, box)
    with torch.no_grad():
        made.network.leave.weight.mul_(10)
    return made


def brute_force(density, x, exact, std, soft):
    """Posterior means of two soft dimensions and the evidence, by a sum over a grid."""
    density.network.requires_grad_(False)
    one, two = torch.meshgrid(GRID, GRID, indexing="ij")
    every = x.expand(one.numel(), -1).clone()
    every[:, soft[0]], every[:, soft[1]] = one.flatten(), two.flatten()
    rows = torch.zeros_like(every, dtype=torch.bool)
    known, asked = rows | exact, rows.clone()
    asked[:, soft] = True
    log_p = density.log_prob(every, known, query=asked)
    z = (every - x)[:, soft] / std[:, soft]
    log_p = log_p - 0.5 * (z * z).sum(-1) - (std[0, soft].log() + 0.5 * math.log(2 * math.pi)).sum()
    evidence = log_p.logsumexp(0) + 2 * (GRID[1] - GRID[0]).log()
    return log_p.softmax(0) @ every[:, soft], evidence


@pytest.mark.parametrize("seed", range(3))
def test_particles_find_the_posterior_of_a_small_joint(seed):
    density = model(seed)
    x = torch.tensor([[0.7, -0.4, -0.9]], dtype=torch.float64)
    exact, std = torch.tensor([[False, True, False]]), torch.tensor([[0.5, 0.0, 0.8]]).double()
    mean, evidence = brute_force(density, x, exact, std, [0, 2])
    ask = (density, x, torch.ones(1, 3, dtype=torch.bool), std)
    errors = []
    for particles in (8, 5000):
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            found, weighed = fill_soft(*ask, particles=particles, generator=generator)
        errors.append(float((found[0, [0, 2]] - mean).abs().max()))
        assert found[0, 1] == x[0, 1]
    assert errors[1] < 0.005 and float((weighed - evidence).abs()) < 0.01
    assert errors[0] < 0.15


def test_the_rest_follows_from_what_was_found():
    density, x = model(), torch.tensor([[0.7, -0.4, 0.0]], dtype=torch.float64)
    mask = torch.tensor([[True, True, False]])
    std = torch.tensor([[0.5, 0.3, 0.0]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        found, _ = fill_soft(density, x, mask, std, generator=generator)
        assert torch.equal(found, density.mean(found, mask))


def test_a_mean_at_an_end_of_the_box_stays_within_it():
    """One dimension is surely at the end, where shares may add up to 1.0000001."""
    torch.manual_seed(0)
    head = LogisticMixture(components=2)
    network = MaskedMLP(3, 2, head.size, 16, 1, 16, 1, head.initial())
    network.leave.bias.data.view(3, -1)[1, 2:4] += 30
    obs, x, std = torch.randn(200, 2), torch.ones(200, 3), torch.full((200, 3), 0.3)
    with torch.inference_mode():
        found, _ = fill_soft(AnyOrder(network, head), x, x > 0, std, obs)
    assert torch.allclose(found[:, 1], torch.ones(200)) and found.max() <= 1


@pytest.mark.parametrize("rule", ["mode", "sample"])
def test_one_particle_is_kept_where_a_mean_is_not_wanted(rule):
    density = model(1)
    x = torch.tensor([[0.7, 0.0, -0.9]], dtype=torch.float64).expand(1000, -1)
    mask, std = torch.tensor([[True, False, True]]).expand(1000, -1), torch.full_like(x, 0.6)
    mean, _ = brute_force(density, x[:1], ~mask[:1] & mask[:1], std[:1], [0, 2])
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        found, _ = fill_soft(density, x, mask, std, None, rule, 64, generator=generator)
    assert torch.isfinite(found).all()
    if rule == "sample":
        assert found[:, [0, 2]].mean(0).sub(mean).abs().max() < 0.06
        assert found[:, 0].std() > 0.1


HEADS = (GaussianMixture(3, 0.05), LogisticMixture(3, -2.0, 2.0, levels=101, min_scale=0.02))


@pytest.mark.parametrize("head", HEADS, ids=["gaussian", "logistic"])
@given(data=st.lists(st.floats(-1.5, 1.5), min_size=9, max_size=9), u=st.floats(-1.5, 1.5))
@settings(max_examples=20, deadline=None)
def test_a_step_is_bayes_rule(head, data, u):
    params, std = torch.tensor(data, dtype=torch.float64), torch.tensor(0.3).double()
    u = torch.tensor(u, dtype=torch.float64)
    discrete = isinstance(head, LogisticMixture)
    x = torch.linspace(-2, 2, 101).double() if discrete else torch.linspace(-15, 15, 6001).double()
    log_p = head.log_prob(params.expand(len(x), -1), x) - 0.5 * ((u - x) / std) ** 2
    log_p = log_p - std.log() - 0.5 * math.log(2 * math.pi)
    cell = 0.0 if discrete else float((x[1] - x[0]).log())
    found = posterior(head, params, u, std)
    assert float(found.log_evidence()) == pytest.approx(float(log_p.logsumexp(0)) + cell, abs=2e-3)
    assert float(found.mean()) == pytest.approx(float(log_p.softmax(0) @ x), abs=2e-3)
    assert abs(float(found.mode())) <= 15
    many = posterior(head, params.expand(512, -1), u.expand(512), std.expand(512))
    draws = spread(1, 512, 1, torch.Generator().manual_seed(0)).double()
    drawn = many.at(*draws[:, 0])
    assert float(drawn.mean()) == pytest.approx(float(found.mean()), abs=0.02)


def test_a_sample_returns_soft_commands_and_leaves_infinite_ones_out():
    rng = np.random.default_rng(0)
    acting, obs = policy(), rng.normal(size=(6, 5)).astype(np.float32)
    hard = PartialAction(rng.uniform(-1, 1, (6, 4)), rng.random((6, 4)) < 0.5)
    drawn = []
    for partial in (hard, hard.soften(0.3), hard.soften(np.inf), PartialAction.nothing(4)):
        acting.reset(seed=0)
        several = partial if partial.values.ndim == 2 else PartialAction.stack([partial] * 6)
        drawn.append(acting.sample(obs, several))
    assert np.array_equal(drawn[0], drawn[1]) and np.array_equal(drawn[2], drawn[3])
    assert np.array_equal(drawn[0][hard.given], hard.values[hard.given])


def test_no_deviation_is_obeyed_bit_for_bit_and_an_infinite_one_is_not_given():
    rng = np.random.default_rng(0)
    acting, obs = policy(), rng.normal(size=(6, 5)).astype(np.float32)
    values, mask = rng.uniform(-1, 1, (6, 4)), rng.random((6, 4)) < 0.5
    hard = PartialAction(values, mask)
    assert np.array_equal(acting.act(obs, hard.soften(0.0)), acting.act(obs, hard))
    assert np.array_equal(acting.act(obs, hard.soften(np.inf)), acting.act(obs))
    for wide in (1e12, 1e20, 1e30, 1e300):
        assert np.array_equal(acting.act(obs, hard.soften(wide)), acting.act(obs))
        one = PartialAction(values[0], mask[0]).soften(wide)
        assert np.array_equal(acting.act(obs[0], one), acting.act(obs[0]))
        assert np.array_equal(acting.log_prob(obs, hard.soften(wide)), np.zeros(6))
    parts = torch.full((1, 4), 0.5), torch.ones(1, 4, dtype=torch.bool)
    found, free = (
        fill_soft(acting.model, *parts, torch.full((1, 4), wide), torch.zeros(1, 5))[0]
        for wide in (1e30, float("inf"))
    )
    assert torch.equal(found, free)
    mixed = np.where(np.arange(4) < 2, 0.0, np.inf)
    assert np.array_equal(
        acting.act(obs, hard.soften(np.broadcast_to(mixed, (6, 4)))),
        acting.act(obs, hard.restrict(np.arange(4) < 2)),
    )


def test_a_wider_deviation_moves_an_action_from_the_command_to_what_is_likely():
    acting, obs = policy(), np.zeros(5, np.float32)
    command, alone = PartialAction.of({1: 0.9, 3: -0.8}, 4), acting.act(obs)
    off = [np.abs(acting.act(obs, command.soften(s)) - command.values)[[1, 3]].sum()
           for s in (1e-3, 0.05, 0.2, 1.0)]  # fmt: skip
    assert off == sorted(off) and off[0] < 1e-4
    far, mine = acting.act(obs, command.soften(100.0)), command.given
    assert np.abs(far - alone)[mine].max() < 0.3 * np.abs(command.values - alone)[mine].min()
    assert np.array_equal(
        acting.act(obs, command.soften(0.2)), acting.act(obs, command.soften(0.2))
    )


def test_rows_of_a_batch_are_weighed_each_by_itself():
    rng = np.random.default_rng(1)
    acting, obs = policy(), rng.normal(size=(8, 5)).astype(np.float32)
    std = rng.choice([0.0, 0.1, 0.4, np.inf], (8, 4))
    partial = PartialAction(rng.uniform(-1, 1, (8, 4)), rng.random((8, 4)) < 0.7, std)
    together = acting.act(obs, partial)
    for row in range(8):
        one = PartialAction(partial.values[row], partial.given[row], partial.std[row])
        assert acting.act(obs[row], one) == pytest.approx(together[row], abs=1e-5)
    assert np.array_equal(together[partial.exact], partial.values[partial.exact])


def test_likelihood_is_of_what_was_commanded():
    acting, obs = policy(particles=512), np.zeros(5, np.float32)
    command = PartialAction.of({0: 0.3, 2: 0.9}, 4)
    exact = acting.log_prob(obs, command)
    assert acting.log_prob(obs, command.soften(1e-3)) == pytest.approx(exact, abs=0.05)
    soft = acting.log_prob(obs, command.soften([0.0, 0.0, 0.3, 0.0]))
    likely = acting.log_prob(obs, PartialAction.of({0: 0.3}, 4))
    x = np.linspace(-4, 5, 3000)
    many = PartialAction([[0.3, 0, v, 0] for v in x], [[True, False, True, False]] * len(x))
    log_p = acting.log_prob(np.zeros((len(x), 5)), many) - 0.5 * ((0.9 - x) / 0.3) ** 2
    integral = np.log(np.exp(log_p).sum() * (x[1] - x[0]) / (0.3 * np.sqrt(2 * np.pi)))
    assert soft == pytest.approx(integral, abs=0.02) and soft != likely


def test_a_mixture_density_weighs_in_closed_form():
    torch.manual_seed(0)
    box = np.ones(2)
    config = MixtureBC.Config(width=8, components=1)
    acting = MixtureBC(config, np.zeros(3), np.ones(3), -box, box)
    obs, command = np.zeros(3, np.float32), PartialAction.of({0: 0.9}, 2)
    mean, spread = (float(t[0, 0, 0].detach()) for t in acting(torch.zeros(1, 3))[1:])
    variance = math.exp(2 * spread)
    expected = mean + variance / (variance + 0.3**2) * (0.9 - mean)
    assert acting.act(obs, command.soften(0.3))[0] == pytest.approx(expected, abs=1e-5)
    wide = -0.5 * (0.9 - mean) ** 2 / (variance + 0.09) - 0.5 * math.log(
        2 * math.pi * (variance + 0.09)
    )
    assert acting.log_prob(obs, command.soften(0.3)) == pytest.approx(wide, abs=1e-4)


def test_one_without_a_density_obeys():
    box, obs = np.ones(2), np.zeros(3)
    acting = BC(BCConfig(width=8), obs, obs + 1, -box, box)
    command = PartialAction.of({0: 0.9}, 2)
    assert acting.act(obs, command.soften(0.3))[0] == np.float32(0.9)
    assert np.array_equal(acting.act(obs, command.soften(np.inf)), acting.act(obs))
    with pytest.raises(InputError, match=r"weighs commands.*got bc"):
        Dial(acting, 0.1)


@given(st.lists(st.floats(0, width=32), min_size=3, max_size=3))
@settings(max_examples=50, deadline=None)
def test_deviations_go_where_their_values_go(std):
    partial = PartialAction([0.5, 0.0, -0.5], [True, False, True], std)
    kept = np.where(np.float32(std) >= WIDEST, np.inf, np.float32(std))
    assert np.array_equal(partial.std[partial.given], kept[partial.given]) and partial.std[1] == 0
    both = PartialAction.stack([partial, PartialAction.nothing(3)])
    assert np.array_equal(both.std[0], partial.std) and not both.std[1].any()
    assert np.array_equal(partial.batched().std[0], partial.std)
    assert np.array_equal(partial.restrict(np.arange(3) < 2).std[:2], partial.std[:2])
    finite = partial.finite()
    assert finite.std is None or (np.isfinite(finite.std).all() and finite.std.any())
    assert np.array_equal(finite.given, partial.given & np.isfinite(partial.std))
    assert partial.hardened().std is None


@pytest.mark.parametrize("std", [-0.1, np.nan, [0.1, 0.2], "wide"])
def test_what_is_no_deviation_is_refused(std):
    with pytest.raises(InputError, match="std: expected numbers"):
        PartialAction([0.5, 0.0, -0.5], [True, False, True], [std] * 3 if std == "wide" else std)


def test_an_operator_may_say_how_exactly_it_is_meant():
    operator = make_operator("random+soft:std=0.2+k:2", action_dim=4)
    operator.reset(seed=0)
    partial = operator.read(np.zeros(3))
    assert partial.given.sum() == 2 and np.allclose(partial.std[partial.given], 0.2)
    for bad in ("-1", "nan"):
        with pytest.raises(InputError, match="std: expected a number from 0 on"):
            make_operator(f"random+soft:std={bad}", action_dim=4)


@pytest.mark.parametrize("std", [-1.0, float("nan")])
def test_an_axis_with_a_deviation_that_is_none_is_refused(std):
    with pytest.raises(InputError, match="expected std of at least 0"):
        parse_mapping({"axis": [{"axis": "x", "dim": 1, "std": std}]}, 4)
    with pytest.raises(InputError, match="expected a dim for std"):
        table = {"axis": [{"axis": "x", "direction": "x", "std": 0.1}]}
        parse_mapping(table | {"task_space": {"joints": [0]}}, 4)


@given(seed=st.integers(0, 10_000), spread=st.sampled_from([1e-3, 0.1, 1.0]))
def test_a_mode_is_at_least_as_dense_as_any_location(seed, spread):
    generator = torch.Generator().manual_seed(seed)
    log_weight, loc, other = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    posterior = Posterior(log_weight, loc * spread, (0.3 * other).exp() * 0.1)

    def density(x):
        off = x - posterior.loc
        each = log_weight - 0.5 * (off * off / posterior.variance + posterior.variance.log())
        return float(each.logsumexp(-1))

    best = max(density(x) for x in posterior.loc)
    assert density(posterior.mode()) >= best - 1e-12


def test_the_mode_with_one_soft_command_is_exact():
    for particles in (1, 8):
        own = policy(components=1, decoding="mode", particles=particles)
        obs = np.zeros(5, np.float32)
        alone = own.uncertainty(obs, PartialAction.nothing(4))[0]
        mean = own.act(obs, PartialAction.nothing(4))[0]
        std, command, two = 0.4, 0.8, [True, True, False, False]
        partial = PartialAction([command, 0, 0, 0], [True, False, False, False], [std, 0, 0, 0])
        share = alone**2 / (alone**2 + std**2)
        expected = mean + share * (command - mean)
        beside = PartialAction.stack([partial, replace(partial, given=two, std=[std, std, 0, 0])])
        rows = own.complete_rows(np.zeros((2, 5), np.float32), beside)[0]
        assert own.act(obs, partial)[0] == pytest.approx(expected, abs=1e-4)
        assert rows[0] == pytest.approx(expected, abs=1e-4)
