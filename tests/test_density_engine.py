"""Networks and objectives for long sequences: exact, and blind to what is masked."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control.engine.attention import attend
from mac_control.engine.heads import Categorical
from mac_control.engine.lattice import frequencies
from mac_control.engine.mixtures import LogisticMixture
from mac_control.engine.model import AnyOrder
from mac_control.engine.orders import path_ranks, positions
from mac_control.engine.paths import OBJECTIVES, QUERIES, Objective
from mac_control.engine.tokens import Positions
from mac_control.engine.two_stream import TwoStream
from mac_control.errors import InputError

DIM, SYMBOLS = 9, 5


def network(shape=(DIM,), params=SYMBOLS, symbols=SYMBOLS, seed=0, **options):
    """A network whose every weight matters: blocks start as identities otherwise."""
    torch.manual_seed(seed)
    net = TwoStream(shape, params, symbols, width=16, layers=3, heads=2, **options)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return net


def model():
    return AnyOrder(network(), Categorical([float(i) for i in range(SYMBOLS)]))


def rows(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(SYMBOLS, (count, DIM), generator=generator).float()


bools = st.lists(st.booleans(), min_size=DIM, max_size=DIM)
orders = st.sampled_from(["natural", "spaced"]) | st.permutations(range(DIM))


@settings(max_examples=40)
@given(evidence=bools, asked=bools, order=orders, seed=st.integers(0, 99))
def test_a_path_in_one_pass_is_the_product_of_its_single_conditionals(evidence, asked, order, seed):
    evidence, asked = torch.tensor([evidence]), torch.tensor([asked])
    asked = asked & ~evidence
    asked[0, seed % DIM] |= not asked.any()
    evidence = evidence & ~asked
    m, x = model(), rows(1, seed)
    with torch.no_grad():
        whole = m.log_prob(x, evidence, query=asked, order=order)
        rank = path_ranks(evidence, asked, positions(order, DIM, 1))
        single = torch.zeros(1)
        for step in range(1, int(asked.sum()) + 1):  # one edge a forward pass
            now = rank == step
            edge = torch.where(rank <= step, rank, DIM + 1)
            single += m.head.log_prob(m.network(x, edge)[now], x[now])
        assert torch.allclose(whole, single, atol=1e-4)
        # And with the cache, one variable after the other.
        state, cached = m.network.start(x, evidence), torch.zeros(1)
        for step in range(1, int(asked.sum()) + 1):
            now = rank == step
            target, value = now.int().argmax(-1), x[now]
            cached += m.head.log_prob(m.network.step(state, target), value)
            state = m.network.append(state, now, value)
        assert torch.allclose(whole, cached, atol=1e-4)


@given(evidence=bools, seed=st.integers(0, 99))
def test_marginals_in_natural_order_chain_known_sets_exactly(evidence, seed):
    """What is given is read in natural order: a marginal's path is a chain of known sets."""
    asked = torch.tensor([evidence])
    asked[0, seed % DIM] = True
    m, x, total = model(), rows(1, seed), torch.zeros(1)
    with torch.no_grad():
        whole = m.log_prob(x, query=asked)
        known = torch.zeros_like(asked)
        for index in asked[0].nonzero().flatten().tolist():
            params = m.conditionals(x, known)[:, index]
            total += m.head.log_prob(params, x[:, index])
            known[0, index] = True
    assert torch.allclose(whole, total, atol=1e-4)


@settings(max_examples=40)
@given(ranks=st.lists(st.integers(0, DIM + 1), min_size=DIM, max_size=DIM))
def test_a_conditional_sees_nothing_but_lower_ranks(ranks):
    """The Jacobian is exactly zero where a rank is not lower, ties included."""
    net = network(params=3, symbols=0)
    x = torch.linspace(-1, 1, DIM).unsqueeze(0).requires_grad_()
    rank = torch.tensor([ranks])
    asked = (rank[0] >= 1) & (rank[0] <= DIM)
    for index in asked.nonzero().flatten().tolist():
        (grad,) = torch.autograd.grad(net(x, rank)[0, index].sum(), x, allow_unused=True)
        lower = rank[0] < rank[0, index]
        grad = torch.zeros_like(x) if grad is None else grad
        assert (grad[0][~lower] == 0).all()
        assert (grad[0][lower] != 0).all()


def test_what_is_unknown_may_be_anything():
    m, x = model(), rows(4)
    given_ = torch.rand(4, DIM, generator=torch.Generator().manual_seed(0)) < 0.5
    broken = torch.where(given_, x, torch.nan)
    with torch.no_grad():
        assert torch.equal(m.conditionals(broken, given_), m.conditionals(x, given_))
        filled = m.mode(broken, given_)
    assert torch.equal(filled[given_], x[given_]) and filled.isfinite().all()


def test_only_what_is_asked_is_filled_in():
    m, x = model(), torch.full((2, DIM), -7.0)
    given_ = torch.zeros(2, DIM, dtype=torch.bool)
    query = given_.clone()
    query[0, :3] = query[1, 4] = True
    for order in ("natural", "certain"):
        filled, _ = m.fill(x, given_, None, "mode", order, query=query)
        assert (filled[~query] == -7).all() and (filled[query] >= 0).all()


def test_recomputing_activations_changes_no_gradient():
    grads = []
    for recompute in (False, True):
        net = network(recompute=recompute).train()
        net(rows(3), torch.arange(1, DIM + 1).expand(3, -1)).square().sum().backward()
        grads.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*grads, strict=True))


def test_rows_of_several_paths_are_those_paths():
    net, x = network(), rows(2)
    rank = torch.stack([torch.arange(1, DIM + 1), torch.arange(DIM, 0, -1)]).expand(2, 2, -1)
    with torch.no_grad():
        both = net(x, rank)
        assert torch.allclose(both[:, 1], net(x, rank[:, 1]), atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_fused_and_written_out_attention_agree(causal):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 4, 2, 6, 8).unbind()
    visible = None if causal else (torch.rand(4, 6, 6) < 0.5) | torch.eye(6, dtype=torch.bool)
    fused = attend(q, k, v, visible, causal)
    rows_of = (q[:, None], k[:, None], v[:, None])
    if causal:
        written = torch.func.vmap(lambda *t: attend(*t, causal=True))(*rows_of)
    else:
        written = torch.func.vmap(attend)(*rows_of, visible[:, None])
    assert torch.allclose(fused, written.squeeze(1), atol=1e-6)


def test_positions_of_an_image_add_up_over_its_axes():
    places = Positions((2, 3, 3), 8, turned=4)
    grid = places(torch.arange(18)).view(2, 3, 3, 8)
    assert torch.allclose(grid[1, 2, 0] - grid[0, 2, 0], grid[1, 0, 1] - grid[0, 0, 1], atol=1e-6)
    assert (
        Positions((8, 8, 3), 8, turned=8).angles[0::3] == Positions((8, 8, 1), 8, turned=8).angles
    ).all()


@pytest.mark.parametrize("order", ["natural", "spaced"])
@pytest.mark.parametrize("name", ["mac", "no-redundancy", "paper"])
def test_objectives_weigh_edges_as_the_lattice_says(name, order):
    """Weights of packed paths, by edge: the exact frequencies, in their order."""
    dim, table = 4, np.zeros((16, 4))
    place = positions(order, dim, 1)[0].numpy()
    generator = torch.Generator().manual_seed(0)
    for _ in range(3000):
        groups = Objective(name, "marginal", order).draw(dim, 24, 2, generator)
        for group in groups:
            for path, weight in zip(group.path.tolist(), group.weight.tolist(), strict=True):
                known = 0
                for index, w in zip(path, weight, strict=True):
                    at = int(place[index])  # the lattice's natural order is this order
                    table[known, at] += w / group.weight.numel() / len(groups)
                    known |= 1 << at
    rule, visits = ("paper", False) if name == "paper" else ("marginal", name == "mac")
    assert np.abs(table / table.sum() - frequencies(dim, rule, visits)).max() < 0.01


@pytest.mark.parametrize("name", ["mac", "no-redundancy", "paper"])
def test_rank_vectors_weigh_edges_as_the_lattice_says(name):
    """As above, for the rows that short rows are trained by."""
    dim, table = 4, torch.zeros(16, 4)
    rank, weight = Objective(name).draw_ranks(dim, 40_000, torch.Generator().manual_seed(0))
    for index in range(dim):
        before = rank < rank[:, index : index + 1]
        known = (before * 2 ** torch.arange(dim)).sum(1)
        table[:, index].index_add_(0, known, weight[:, index])
    rule, visits = ("paper", False) if name == "paper" else ("marginal", name == "mac")
    assert np.abs((table / table.sum()).numpy() - frequencies(dim, rule, visits)).max() < 0.01


@pytest.mark.parametrize("name", ["ardm-sets", "mac-sets"])
def test_published_samplers_train_all_that_is_unknown(name):
    generator = torch.Generator().manual_seed(0)
    (group,) = Objective(name).draw(6, 6000, generator=generator)
    count = group.before[:, -1]
    assert ((group.weight > 0) == (torch.arange(6) >= count.unsqueeze(1))).all()
    assert torch.allclose(group.weight.sum(1), torch.tensor(6.0))
    sizes = torch.bincount(count, minlength=6) / len(count)
    wanted = torch.ones(6) / 6
    if name == "mac-sets":  # sizes t uniform, steps k below t uniform, kept with weight k + 1
        wanted = torch.tensor([(k + 1) * sum(1 / t for t in range(k + 1, 7)) for k in range(6)])
    assert (sizes - wanted / wanted.sum()).abs().max() < 0.05


@settings(max_examples=60)
@given(
    name=st.sampled_from(list(OBJECTIVES)),
    queries=st.sampled_from(QUERIES),
    order=st.sampled_from(["natural", "spaced"]),
    dim=st.integers(1, 12),
    tokens=st.integers(1, 200),
    seed=st.integers(0, 99),
)
def test_every_path_is_a_path(name, queries, order, dim, tokens, seed):
    if name in ("paper", "mac-sets") and queries != "marginal":
        with pytest.raises(InputError, match="queries"):
            Objective(name, queries, order)
        return
    generator = torch.Generator().manual_seed(seed)
    objective = Objective(name, queries, order)
    for group in objective.draw(dim, tokens, 3, generator):
        assert group.path.shape == group.weight.shape
        assert all(len(set(path)) == len(path) for path in group.path.tolist())
        assert group.weight.isfinite().all() and (group.weight.sum(1) > 0).all()
    rank, weight = objective.draw_ranks(dim, 5, generator)
    assert rank.shape == weight.shape == (5, dim)
    assert ((rank >= 1) & (rank <= dim))[weight > 0].all() and (weight.sum(1) > 0).all()


def test_the_loss_along_paths_is_the_log_likelihood_of_their_queries():
    net, head, x = network(), Categorical([float(i) for i in range(SYMBOLS)]), rows(6)
    with torch.no_grad():
        for queries in ("marginal", "evidence", "joint"):
            generator = torch.Generator().manual_seed(1)
            for group in Objective("mac", queries).draw(DIM, 54, 2, generator):
                own = x[: len(group.path)]
                along = head.log_prob(net.along(own, group.path), own.gather(1, group.path))
                asked = group.weight > 0
                query = torch.zeros(len(own), DIM, dtype=torch.bool)
                query = query.scatter(1, group.path, asked)
                known = torch.zeros_like(query).scatter(1, group.path, ~asked)
                wanted = AnyOrder(net, head).log_prob(own, known, query=query)
                assert torch.allclose((along * asked).sum(1), wanted, atol=1e-4)


def test_logistic_heads_on_pixels_sum_to_one():
    net = network((2, 2, 3), LogisticMixture(3).size, 0)
    model_ = AnyOrder(net, LogisticMixture(3))
    x = torch.zeros(256, 12)
    x[:, 0] = 0.3
    x[:, 5] = torch.linspace(-1, 1, 256)
    known, query = torch.zeros(2, 256, 12, dtype=torch.bool)
    known[:, 0] = query[:, 5] = True
    with torch.no_grad():
        assert model_.log_prob(x, known, query=query).exp().sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: TwoStream((4,), 3, width=10, heads=4), "width"),
        (lambda: TwoStream((4,), 3, width=12, heads=4), "heads"),
        (lambda: Positions((), 4, 2), "shape"),
        (lambda: Objective("slide"), "objective"),
        (lambda: Objective("mac", "all"), "queries"),
        (lambda: Objective("mac", "joint", "certain"), "order"),
    ],
)
def test_settings_that_cannot_be(build, name):
    with pytest.raises(InputError, match=name):
        build()
