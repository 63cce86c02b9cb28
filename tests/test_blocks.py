"""Filling in blocks of dimensions: a model of its own, normalised, and fast."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from mac_control import InputError, PartialAction
from mac_control.checkpoint import load_policy, save_policy
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.engine.blocks import block_sizes, residuals_of
from mac_control.engine.single import SingleRow
from mac_control.engine.unrolled import unrolled
from mac_control.policies import MacConfig, MacPolicy, policy_class
from mac_control.policies.quick import TOLERANCE, Quick
from mac_control.policies.retrieval import Retrieval
from mac_control.robot import ActionDim, Robot
from mac_control.training import new_policy
from tests.test_engine_exact import brute_force, grid, mask, tabular
from tests.test_quick import policy_of

BLOCKS = [[3, 0], [2, 4], [1]]


#: In natural order, as policies have them.
RUNS = [[0, 1], [2], [3, 4]]


def in_blocks(**config):
    sizes = {"width": 24, "obs_width": 16}
    return policy_of(5, 4, blocks=3, block_sizes=(2, 1, 2), **sizes, **config)


@pytest.mark.parametrize("given", [[], [1], [0, 2]])
def test_the_likelihood_is_that_of_independent_dimensions_and_sums_to_one(given):
    model, joint = tabular(4, 2)
    x, blocks = grid(4, 2), [[2, 0], [1, 3]]
    found = model.log_prob(x, mask(x, given), order=blocks).exp()
    wanted, known = torch.ones(len(x), dtype=x.dtype), list(given)
    for block in blocks:
        for dim in set(block) - set(given):
            wanted = (
                wanted
                * brute_force(joint, x, sorted([*known, dim]))
                / brute_force(joint, x, sorted(known))
            )
        known += [dim for dim in block if dim not in given]
    assert torch.allclose(found, wanted)
    assert torch.isclose(found.sum() / 2 ** len(given), torch.tensor(1.0, dtype=x.dtype))


def test_where_blocks_are_independent_nothing_is_lost():
    model, joint = tabular(4, 2)
    # Dimensions 0 and 2 of any joint, the others copies of them: independent given the first two.
    table = torch.einsum("ac,ab,cd->abcd", joint.sum((1, 3)), torch.eye(2), torch.eye(2)) + 1e-9
    model.network.joint = table / table.sum()
    x = grid(4, 2)
    one, blocks = (model.log_prob(x, order=o) for o in ("natural", [[0], [2], [1, 3]]))
    likely = one > -10
    assert torch.allclose(one[likely], blocks[likely], atol=1e-5)


def test_draws_follow_the_likelihood():
    model, _ = tabular(3, 2)
    x, order = grid(3, 2), [[2, 0], [1]]
    wanted = model.log_prob(x, order=order).exp()
    drawn = model.sample(
        x.new_zeros(4000, 3), order=order, generator=torch.Generator().manual_seed(0)
    )
    share = torch.bincount((drawn @ x.new_tensor([4, 2, 1])).long(), minlength=8) / len(drawn)
    assert (share - wanted).abs().max() < 0.04


@forall(st.integers(0, 50), st.sampled_from(["mean", "mode"]))
@settings(max_examples=20, deadline=None)
def test_all_ways_to_fill_in_answer_alike_whatever_is_given(seed, rule):
    policy, rng = in_blocks(decoding=rule), np.random.default_rng(seed)
    model, head = policy.model, policy.model.head
    x = torch.tensor(rng.uniform(-1, 1, (4, 5)), dtype=torch.float32)
    obs, given = torch.randn(4, 4), torch.tensor(rng.random((4, 5)) < rng.random())
    with torch.inference_mode():
        filled, rank = model.fill(x, given, obs, rule, BLOCKS)
        wanted, known = x, given
        for block in BLOCKS:
            values = getattr(head, rule)(model.conditionals(wanted, known, obs))
            now = torch.zeros_like(given).index_fill(1, torch.tensor(block), True)
            wanted, known = torch.where(now & ~known, values, wanted), known | now
        graph = unrolled(model, x, given, obs, rule, BLOCKS)
    row = SingleRow(policy.network, head)
    single = [
        row.fill(*(part[i].numpy() for part in (x, given, obs)), rule, BLOCKS) for i in range(4)
    ]
    for found in (filled, graph, torch.tensor(np.array(single))):
        assert torch.allclose(found, wanted, atol=1e-5)
    assert torch.equal(filled[given], x[given])
    assert torch.equal(rank > 0, ~given)


@forall(st.integers(0, 100), st.integers(2, 6), st.data())
@settings(max_examples=20, deadline=None)
def test_no_other_cut_loses_less(seed, dim, data):
    count = data.draw(st.integers(1, dim))
    rng = np.random.default_rng(seed)
    residuals = rng.normal(size=(300, dim)) @ rng.normal(size=(dim, dim))
    covariance = np.corrcoef(residuals.T) + 1e-3 * np.eye(dim)

    def loss(sizes):
        """Entropy of the blocks' dimensions apart, less that of all together, as of Gaussians."""
        apart, start = 0.0, 0
        for size in sizes:
            for each in range(start, start + size):
                part = [*range(start), each]
                before = np.linalg.slogdet(covariance[:start, :start])[1] if start else 0.0
                apart += (np.linalg.slogdet(covariance[np.ix_(part, part)])[1] - before) / 2
            start += size
        return apart - np.linalg.slogdet(covariance)[1] / 2

    sizes = block_sizes(residuals, count)
    assert sum(sizes) == dim and len(sizes) == count and min(sizes) > 0
    cuts = combinations(range(1, dim), count - 1)
    least = min(loss(np.diff([0, *cut, dim])) for cut in cuts)
    assert loss(sizes) == pytest.approx(least, abs=1e-6)


def test_what_observations_tell_is_no_dependence():
    rng = np.random.default_rng(0)
    obs, noise = rng.normal(size=(500, 3)), rng.normal(size=(500, 2))
    left = residuals_of(obs, obs[:, :2] * [2, 3] + obs[:, 2:] + 0.1 * noise)
    assert np.abs(left - 0.1 * noise).max() < 0.05


def test_a_policy_acts_in_blocks_and_tells_their_likelihood(tmp_path):
    policy = in_blocks()
    loaded = load_policy(save_policy(tmp_path, policy))
    assert loaded.blocks == RUNS and Quick(loaded).usable
    obs, rng = np.ones((1, 4), np.float32), np.random.default_rng(0)
    partial = PartialAction(rng.uniform(-0.4, 0.9, (1, 5)), np.arange(5)[None] == 2)
    action = loaded.act(obs, partial)
    error = np.abs(action - np.clip(policy.complete_rows(obs, partial), policy.low, policy.high))
    assert (error[~partial.given] <= TOLERANCE * 4).all() and action[0, 2] == partial.values[0, 2]
    # One after another, the same weights say something else, and so does their likelihood.
    single = policy_of(5, 4, width=24, obs_width=16)
    whole = PartialAction.everything(rng.uniform(-0.4, 0.9, (1, 5)))
    assert not np.allclose(single.act(obs), loaded.act(obs), atol=1e-4)
    rest = loaded.conditional_log_prob(obs, whole.values, partial.given)
    assert not np.isclose(loaded.log_prob(obs, whole), single.log_prob(obs, whole), atol=1e-4)
    # Given what a block and those before hold, only the blocks after it count.
    last = np.isin(np.arange(5), RUNS[-1])[None]
    parts = [
        loaded.conditional_log_prob(obs, whole.values, known)
        for known in (np.zeros((1, 5), bool), ~last)
    ]
    first = loaded.log_prob(obs, PartialAction(whole.values, ~last))
    assert parts[0] == pytest.approx(first + parts[1], abs=1e-4) and np.isfinite(rest)


def test_a_row_is_filled_in_alike_beside_soft_commands():
    policy, rng = in_blocks(), np.random.default_rng(0)
    obs, values = rng.normal(size=(4, 4)).astype(np.float32), rng.uniform(-0.4, 0.9, (4, 5))
    given = np.arange(5) == np.array([[0], [2], [1], [0]])
    std = np.where(given & (np.arange(4)[:, None] % 2 == 1), 0.3, 0.0)
    partial = PartialAction(values, given, std)
    both = policy.act(obs, partial)
    alone = [policy.act(obs[i], PartialAction(values[i], given[i], std[i])) for i in range(4)]
    np.testing.assert_allclose(both, alone, atol=1e-4)
    assert np.array_equal(both[::2][given[::2]], partial.values[::2][given[::2]])


def test_training_finds_the_blocks_and_saves_them(tmp_path):
    rng = np.random.default_rng(0)
    cause = rng.normal(size=(200, 1))
    actions = np.hstack([rng.normal(size=(200, 2)), cause, cause]).clip(-1, 1)
    data = Demonstrations([Episode(rng.normal(size=(200, 2)), actions)])
    policy = new_policy("mac", data, 0, MacConfig(width=8, obs_width=8, blocks=2))
    assert policy.blocks == [[0, 1, 2], [3]]  # the last follows from the one before
    assert load_policy(save_policy(tmp_path, policy)).blocks == policy.blocks
    policy.config = replace(policy.config, blocks=0)
    assert policy.blocks is None


@pytest.mark.parametrize("wrapper", ["intent", "retrieval"])
def test_wrappers_let_the_policy_within_find_its_blocks(tmp_path, wrapper):
    arm = Robot("arm", tuple(ActionDim(f"j{i}", position=i, gain=5.0) for i in range(4)))
    rng, subtasks = np.random.default_rng(0), np.repeat(["left", "right"], 20)
    episode = Episode(rng.normal(size=(40, 4)), rng.uniform(-1, 1, (40, 4)), subtasks=subtasks)
    data, small = Demonstrations([episode], robot=arm), {"width": 8, "obs_width": 8, "blocks": 2}
    policy = new_policy(wrapper, data, 0, policy_class(wrapper).Config("mac", small))
    alone = new_policy("mac", data, 0, MacConfig(**small))
    assert policy.inner.blocks == alone.blocks
    assert load_policy(save_policy(tmp_path, policy)).inner.blocks == alone.blocks
    if wrapper == "retrieval":
        assert Retrieval.wrap(alone, data).inner is alone


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"blocks": 2}, "blocks: expected block_sizes that add up to 3"),
        ({"blocks": 2, "block_sizes": (2, 2)}, "blocks: expected block_sizes that add up to 3"),
        ({"blocks": 2, "block_sizes": (3, 0)}, "blocks: expected block_sizes that add up to 3"),
        ({"blocks": 2, "block_sizes": (1, 1, 1)}, r"got 2 blocks of \(1, 1, 1\)"),
        ({"blocks": -1}, "blocks: expected 0, or a number with order='natural'"),
        ({"blocks": 2, "order": "certain"}, "blocks: expected 0, or a number with order='natural'"),
    ],
)
def test_blocks_that_do_not_fit_are_named(change, match):
    with pytest.raises(InputError, match=match):
        MacPolicy(MacConfig(**change), np.zeros(2), np.ones(2), -np.ones(3), np.ones(3))
    model = tabular(3, 2)[0]
    with pytest.raises(InputError, match="order: expected blocks of 0 to 2, each once"):
        model.log_prob(grid(3, 2), order=[[0], [1, 1]])
    with pytest.raises(InputError, match="blocks: expected a number from 1 to 3, got 4"):
        block_sizes(np.zeros((5, 3)), 4)
