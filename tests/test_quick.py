"""A few observations answered without torch: as torch does, and only what is open costs."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mac_control.checkpoint import load_policy, save_policy
from mac_control.engine.single import SingleRow
from mac_control.partial import PartialAction
from mac_control.policies import MacConfig, MacPolicy
from mac_control.policies.quick import TOLERANCE, Quick
from mac_control.training.optimizer import adamw


def policy_of(dim=9, obs_dim=30, seed=0, **config):
    """A policy whose blocks and answers are far from those of an untrained one."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        box = -np.linspace(0.5, 2, dim), np.linspace(1, 3, dim)
        policy = MacPolicy(MacConfig(**config), np.ones(obs_dim), np.full(obs_dim, 2.0), *box)
        with torch.no_grad():
            for parameter in policy.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
    return policy.eval()


def expect_as_torch(policy, obs, partial, answer, found=None):
    """The same action up to the tolerance, or up to a choice between two modes as high."""
    half = (policy.high - policy.low) / 2
    found = answer(obs, partial) if found is None else found
    error = np.abs(found - policy.complete_rows(obs, partial)) / half
    apart = np.flatnonzero((error > TOLERANCE) & ~partial.given)
    if len(apart):  # those behind the first follow from it
        heights = modes(policy, obs, partial, answer, apart[0])
        assert policy.config.decoding == "mode" and heights[-1] - heights[-2] < 1e-4


def modes(policy, obs, partial, answer, dim):
    """Log-densities where the components of a dimension lie, the highest last."""
    many = policy.config.components
    with torch.inference_mode():
        x, given, context = policy._tensors(obs, partial.values, partial.given)
        filled = answer._row.fill(x[0].numpy(), partial.given[0], context[0].numpy(), "mode")
        known = given | (torch.arange(policy.action_dim) < dim)
        params = policy.model.conditionals(torch.from_numpy(filled)[None], known, context)[0, dim]
        return policy.model.head.log_prob(params[None], params[many : 2 * many]).sort().values


@given(
    seed=st.integers(0, 50),
    dim=st.integers(1, 28),
    layers=st.integers(1, 3),
    obs_layers=st.integers(0, 2),
    decoding=st.sampled_from(["mean", "mode"]),
)
@example(seed=8, dim=22, layers=3, obs_layers=1, decoding="mode")  # two modes, of one height
@example(seed=1, dim=26, layers=3, obs_layers=0, decoding="mode")
@settings(max_examples=30, deadline=None)
def test_it_answers_as_torch_does_whatever_is_given(seed, dim, layers, obs_layers, decoding):
    policy = policy_of(
        dim,
        5,
        seed,
        layers=layers,
        obs_layers=obs_layers,
        width=24,
        obs_width=16,
        decoding=decoding,
    )
    rng = np.random.default_rng(seed)
    answer = Quick(policy)
    cases = []
    for _ in range(5):
        obs = 3 * rng.standard_normal((1, 5)).astype(np.float32)
        mask = rng.random((1, dim)) < rng.random()
        cases.append((obs, np.where(mask, rng.uniform(-3, 4, (1, dim)), np.nan), mask))
    obs, *given = map(np.concatenate, zip(*cases, strict=True))
    together = answer(obs, PartialAction(*given))
    for (obs, *given), found in zip(cases, together, strict=True):
        expect_as_torch(policy, obs, PartialAction(*given), answer)
        expect_as_torch(policy, obs, PartialAction(*given), answer, found[None])


@pytest.mark.parametrize("dim", [9, 28])
def test_default_sizes_agree_to_the_tolerance(dim):
    policy, rng = policy_of(dim, 39), np.random.default_rng(0)
    obs = rng.standard_normal((40, 39)).astype(np.float32)
    partial = PartialAction(rng.uniform(-1, 1, (40, dim)), rng.random((40, dim)) < 0.4)
    answer, rows = Quick(policy), zip(partial.values, partial.given, strict=True)
    parts = [PartialAction(values[None], mask[None]) for values, mask in rows]
    one = [answer(obs[i : i + 1], part)[0] for i, part in enumerate(parts)]
    for found in (np.array(one), answer(obs, partial)):
        error = np.where(partial.given, 0, np.abs(found - policy.complete_rows(obs, partial)))
        assert (error <= TOLERANCE * (policy.high - policy.low) / 2).all()


def test_only_open_dimensions_cost_a_step(monkeypatch):
    answer, asked = Quick(policy_of(28, 39)), []
    mean = SingleRow._mean
    monkeypatch.setattr(SingleRow, "_mean", lambda self, p: asked.append(1) or mean(self, p))
    partial = PartialAction(np.zeros((1, 28)), np.arange(28)[None] < 22)
    answer(np.zeros((1, 39), np.float32), partial)
    assert len(asked) == 6


def test_changed_weights_are_seen(tmp_path):
    save_policy(tmp_path, policy_of())
    policy, obs = load_policy(tmp_path), np.ones(30, np.float32)
    before = policy.act(obs)
    assert policy._quick.usable and policy._quick.current(policy)
    with torch.no_grad():
        policy.network.leave.bias += torch.linspace(0, 1, len(policy.network.leave.bias))
    assert not policy._quick.current(policy)
    assert np.abs(policy.act(obs) - before).max() > 1e-3
    policy.config = MacConfig(decoding="sample")
    policy.act(obs)
    assert not policy._quick.usable


@pytest.mark.parametrize(
    "change",
    [
        lambda policy, other: adamw_step(policy),
        lambda policy, other: policy.load_state_dict(other.state_dict(), assign=True),
        lambda policy, other: torch.nn.utils.vector_to_parameters(
            torch.nn.utils.parameters_to_vector(other.parameters()), policy.parameters()
        ),
    ],
)
def test_weights_are_seen_that_change_without_a_count(change):
    policy, obs = policy_of(seed=1), np.ones((3, 30), np.float32)
    partial = PartialAction.nothing(3, 9)
    before = policy.complete(obs, partial)
    change(policy, policy_of(seed=2))
    after = policy.complete(obs, partial)
    assert np.abs(after - before).max() > 1e-3
    assert np.abs(after - policy.complete_rows(obs, partial)).max() < 1e-4


def adamw_step(policy):
    """One step of the package's own optimizer, which PyTorch fuses where it can."""
    optimizer = adamw(policy.network.parameters(), [], lr=0.1, weight_decay=0)
    sum(parameter.sum() for parameter in policy.network.parameters()).backward()
    optimizer.step()


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_no_row_is_answered_too(rows):
    policy = policy_of(3, 4)
    action = policy.act(np.zeros((rows, 4), np.float32), PartialAction.nothing(rows, 3))
    assert action.shape == (rows, 3)
    assert Quick(policy)(np.zeros((rows, 4)), PartialAction.nothing(rows, 3)).shape == (rows, 3)


@pytest.mark.parametrize(
    "config",
    [{"network": "transformer", "width": 16}, {"decoding": "sample"}, {"head": "logistic"}],
)
def test_what_only_torch_can_do_stays_there(config):
    policy = policy_of(3, 4, **config)
    assert not Quick(policy).usable
    assert np.isfinite(policy.act(np.zeros(4, np.float32))).all()


@given(
    seed=st.integers(0, 50),
    dim=st.integers(1, 12),
    layers=st.integers(1, 3),
    decoding=st.sampled_from(["mean", "mode"]),
    particles=st.sampled_from([1, 2, 8]),
)
@settings(max_examples=30, deadline=None)
def test_soft_commands_are_weighed_as_torch_does(seed, dim, layers, decoding, particles):
    sizes = {"layers": layers, "width": 24, "obs_width": 16}
    policy = policy_of(dim, 5, seed, decoding=decoding, particles=particles, **sizes)
    rng, answer = np.random.default_rng(seed), Quick(policy)
    for _ in range(5):
        obs = 3 * rng.standard_normal((1, 5)).astype(np.float32)
        mask = rng.random((1, dim)) < 0.7
        std = rng.choice([0.0, 0.02, 0.3, 2.0, np.inf], (1, dim))
        partial = PartialAction(rng.uniform(-3, 4, (1, dim)), mask, std).finite()
        error = np.abs(answer(obs, partial) - policy.complete_rows(obs, partial))[~partial.exact]
        assert (error / ((policy.high - policy.low) / 2)[~partial.exact[0]] <= TOLERANCE).all()
        assert policy._quick is None  # only torch was asked of the policy
