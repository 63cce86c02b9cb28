"""The networks under any-order queries: nothing leaks, all integrates to 1, the cache is exact."""

import numpy as np
import pytest
import torch
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from mac_control import InputError
from mac_control.engine.base import GaussianBase
from mac_control.engine.heads import Categorical
from mac_control.engine.mixtures import GaussianMixture, LogisticMixture
from mac_control.engine.mlp import MaskedMLP
from mac_control.engine.model import AnyOrder
from mac_control.engine.orders import path_ranks, permutations
from mac_control.engine.transformer import Transformer

NETWORKS = {
    "mlp": lambda d, o, p: MaskedMLP(d, o, p, width=16, layers=2, obs_width=8),
    "transformer": lambda d, o, p: Transformer(d, o, p, width=16, layers=2),
    "ordered": lambda d, o, p: Transformer(d, o, p, width=16, layers=3, ordered=True),
}


def on_base(d, o, p):
    data = torch.randn(50, o + d, generator=torch.Generator().manual_seed(1)).double()
    base = GaussianBase(data + data.roll(1, 1), o)
    return Transformer(d, o, p, width=16, base=(base, GaussianMixture(p // 3)))


discrete = pytest.mark.parametrize("kind", list(NETWORKS))  # a Gaussian base needs a mixture
NETWORKS["on a base"] = on_base
every_network = pytest.mark.parametrize("kind", NETWORKS)


def random_model(kind, dim=5, obs_dim=3, head=None):
    """A network whose every weight is random: a fresh one has zeros that would hide a leak."""
    head = head or GaussianMixture(2)
    network = NETWORKS[kind](dim, obs_dim, head.size).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data = 0.4 * noise
    return AnyOrder(network, head)


def batch(rows=6, dim=5, obs_dim=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, dim, generator=generator, dtype=torch.float64)
    obs = torch.randn(rows, obs_dim, generator=generator, dtype=torch.float64)
    return x, obs, torch.rand(rows, dim, generator=generator) < 0.4


@every_network
@settings(max_examples=15, deadline=None)
@forall(rank=st.lists(st.integers(0, 6), min_size=5, max_size=5))
def test_a_conditional_sees_exactly_what_has_lower_rank(kind, rank):
    """The Jacobian d params_i / d x_j is exactly 0 unless rank_j < rank_i, and not 0 if it is."""
    model = random_model(kind)
    x, obs, _ = batch(rows=1)
    rank = torch.tensor([rank])
    if kind == "on a base":  # whose paths have no ties
        rank = path_ranks(rank == 0, (rank > 0) & (rank <= 5), 5 * rank + torch.arange(5))

    def params(values):
        return model.network(values, rank, obs)[0]

    jacobian = torch.autograd.functional.jacobian(params, x)[:, :, 0]  # (D, P, D)
    asked = (rank[0] > 0) & (rank[0] <= 5)
    sees = rank[0].unsqueeze(0) < rank[0].unsqueeze(1)  # (i, j)
    flows = (jacobian != 0).any(1)
    assert torch.equal(flows[asked], sees[asked])


@every_network
def test_log_prob_has_no_gradient_in_what_is_not_known(kind):
    model = random_model(kind)
    x, obs, given = batch(rows=40)
    query = ~given & (batch(rows=40, seed=1)[2])
    some = query.any(1)
    x, obs, given, query = x[some].requires_grad_(), obs[some], given[some], query[some]
    model.log_prob(x, given, obs, query, order="random").sum().backward()
    assert (x.grad[~(given | query)] == 0).all()
    assert (x.grad[query] != 0).all()


@every_network
def test_a_nan_where_nothing_is_known_changes_nothing(kind):
    model = random_model(kind)
    x, obs, given = batch()
    query = ~given & (torch.arange(5) > 2)
    query[:, 4], given[:, 4] = True, False
    spoiled = torch.where(given | query, x, torch.nan)
    expected = model.log_prob(x, given, obs, query)
    assert torch.equal(model.log_prob(spoiled, given, obs, query), expected)
    for fill in (model.mean, model.mode, model.sample):
        assert torch.isfinite(fill(torch.where(given, x, torch.nan), given, obs)).all()


@every_network
def test_stepping_with_the_cache_equals_the_single_pass(kind):
    model, rows = random_model(kind), torch.arange(6)
    x, obs, given = batch()
    given[0] = True  # a row that is done from the start
    place = permutations(6, 5, torch.Generator().manual_seed(0))
    rank = path_ranks(given, ~given, place)
    expected = model.network(x, rank, obs)
    state = model.network.start(x, given, obs)
    for step in range(1, 6):
        now = rank == step
        open_rows, target = now.any(1), now.int().argmax(1)
        every = model.network.step(state)[rows, target]
        one = model.network.step(state, target)
        assert torch.allclose(one[open_rows], expected[rows, target][open_rows], atol=1e-12)
        assert torch.allclose(every[open_rows], one[open_rows], atol=1e-12)
        state = model.network.append(state, now, x[rows, target])


@every_network
def test_several_paths_of_a_sample_are_what_they_are_alone(kind):
    model = random_model(kind)
    x, obs, given = batch()
    ranks = torch.stack(
        [path_ranks(given, ~given, permutations(6, 5)), torch.where(given, 0, 1)], dim=1
    )
    together = model.network(x, ranks, obs)
    for m in range(2):
        asked = ranks[:, m] > 0
        alone = model.network(x, ranks[:, m], obs)
        assert torch.allclose(together[:, m][asked], alone[asked], atol=1e-12)


@discrete
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
@pytest.mark.parametrize("head", [Categorical([-1.0, 0.0, 2.0]), LogisticMixture(2, levels=5)])
def test_a_discrete_model_sums_to_one_in_every_order(kind, order, head):
    model = random_model(kind, dim=3, obs_dim=0, head=head)
    if isinstance(head, Categorical):
        values = torch.tensor(head.values)
    else:
        values = torch.linspace(-1, 1, 5)
    x = torch.cartesian_prod(values, values, values).double()
    total = model.log_prob(x, order=order).exp().sum()
    assert abs(total - 1) < 1e-9
    given = torch.zeros_like(x, dtype=torch.bool)
    given[:, 1] = True
    conditional = model.log_prob(x, given, order=order).exp()
    for value in values:
        assert abs(conditional[x[:, 1] == value].sum() - 1) < 1e-9


@every_network
def test_a_continuous_model_integrates_to_one(kind):
    model = random_model(kind, dim=2, obs_dim=0, head=GaussianMixture(2, min_scale=0.5))
    side = torch.linspace(-40, 40, 201, dtype=torch.float64)
    x = torch.cartesian_prod(side, side)
    for order in ([0, 1], [1, 0]):
        with torch.no_grad():
            density = model.log_prob(x, order=order).exp().view(201, 201)
        total = torch.trapezoid(torch.trapezoid(density, side), side)
        assert abs(total - 1) < 5e-3


@every_network
def test_rows_of_a_batch_do_not_see_each_other(kind):
    model = random_model(kind)
    x, obs, given = batch()
    given[:, 0] = False
    together = model.log_prob(x, given, obs)
    means = model.mean(x, given, obs)
    for row in range(len(x)):
        one = (x[row : row + 1], given[row : row + 1], obs[row : row + 1])
        assert torch.allclose(model.log_prob(*one), together[row : row + 1], atol=1e-12)
        assert torch.allclose(model.mean(*one), means[row : row + 1], atol=1e-12)


@every_network
def test_given_entries_return_bit_for_bit(kind):
    model = random_model(kind)
    x, obs, given = batch()
    x[0] = torch.tensor([1e-310, -0.0, 1e30, 0.1, 3.0], dtype=torch.float64)
    given[0] = torch.tensor([True, True, False, False, True])
    for order in ("natural", "random", "certain", [4, 3, 2, 1, 0]):
        for filled in (
            model.mean(x, given, obs, order),
            model.mode(x, given, obs, order),
            model.sample(x, given, obs, order),
        ):
            same = filled.view(torch.int64) == x.view(torch.int64)
            assert same[given].all()


def test_cost_is_what_is_asked_not_the_number_of_dimensions():
    """Steps taken: the largest number of open dimensions in the batch."""
    model = random_model("mlp", dim=8)
    x, obs, _ = batch(dim=8)
    given = torch.ones(6, 8, dtype=torch.bool)
    given[0, :2], given[1, 5] = False, False
    steps, step = [], model.network.step
    model.network.step = lambda *args: steps.append(1) or step(*args)
    model.mean(x, given, obs)
    assert len(steps) == 2


def test_sampling_is_seeded_and_cools():
    model = random_model("mlp")
    x, obs, given = batch(rows=1)
    x, obs, given = (t.expand(500, -1) for t in (x, obs, given))
    seeded = [
        model.sample(x, given, obs, generator=torch.Generator().manual_seed(3)) for _ in range(2)
    ]
    assert torch.equal(*seeded)
    cold = model.sample(x, given, obs, temperature=0.0)
    assert torch.equal(cold, model.mode(x, given, obs))


X, OBS = torch.zeros(2, 5), torch.zeros(2, 3)
NAN = torch.full((2, 5), np.nan)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda m: m.log_prob(torch.zeros(2, 4), obs=OBS), r"x: .*\(B, 5\), got \(2, 4\)"),
        (lambda m: m.log_prob(torch.zeros(2, 5).long(), obs=OBS), "x: .*floating-point.*int64"),
        (lambda m: m.log_prob(X, X, OBS), r"given: .*boolean.*\(2, 5\).*float32"),
        (lambda m: m.log_prob(X, X[:1] > 0, OBS), r"given: .*\(2, 5\), got \(1, 5\)"),
        (lambda m: m.log_prob(X, None, OBS, X > 0), "query: .*at least one"),
        (lambda m: m.log_prob(X, X == 0, OBS), "query: .*at least one"),
        (lambda m: m.log_prob(X, X == 0, OBS, X == 0), "query: .*given too"),
        (lambda m: m.log_prob(X), r"obs: .*\(2, 3\), got None"),
        (lambda m: m.log_prob(X, obs=OBS.double()), "obs: .*float32.*float64"),
        (lambda m: m.log_prob(NAN, obs=OBS), "x: .*finite"),
        (lambda m: m.mean(NAN, X == 0, OBS), "x: .*finite"),
        (lambda m: m.mean(X, None, OBS, order="best"), "order: .*'natural'"),
        (lambda m: m.mean(X, None, OBS, order=[0, 0, 1, 2, 3]), "order: .*permutation"),
        (lambda m: m.sample(X, None, OBS, temperature=-1), "temperature"),
        (lambda m: m.fill(X, None, OBS, "median"), "rule: .*'median'"),
    ],
)
def test_wrong_input_is_named(ask, words):
    with pytest.raises(InputError, match=words):
        ask(AnyOrder(NETWORKS["mlp"](5, 3, 6), GaussianMixture(2)))


def test_evidence_outside_the_support_is_refused():
    discrete = AnyOrder(NETWORKS["mlp"](5, 3, 2), Categorical([0.0, 1.0]))
    with pytest.raises(InputError, match=r"x: .*\[0.0, 1.0\]"):
        discrete.log_prob(X + 0.5, obs=OBS)
    box = AnyOrder(NETWORKS["mlp"](5, 3, 6), LogisticMixture(2))
    with pytest.raises(InputError, match=r"x: .*\[-1, 1\], got .*1.5"):
        box.mean(X + 1.5, X == 0, OBS)
    blind = AnyOrder(NETWORKS["mlp"](5, 0, 6), GaussianMixture(2))
    with pytest.raises(InputError, match="obs: expected None"):
        blind.log_prob(X, obs=OBS)


def test_an_empty_batch_is_filled_in():
    model, x = random_model("mlp"), torch.zeros(0, 5)
    for answer in (model.sample(x, obs=torch.zeros(0, 3)), model.mean(x, obs=torch.zeros(0, 3))):
        assert answer.shape == (0, 5)
