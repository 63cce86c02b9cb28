"""On a joint table every query is what brute force says."""

from itertools import combinations, permutations, product

import pytest
import torch
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from mac_control.engine.base import GaussianBase
from mac_control.engine.heads import Categorical
from mac_control.engine.model import AnyOrder
from mac_control.engine.network import Network
from mac_control.engine.orders import permutations as shuffled
from mac_control.errors import InputError


class Tabular(Network):
    """Conditionals of a joint table `(K, K, ...)` over D variables with values 0..K-1."""

    def __init__(self, joint):
        super().__init__(joint.dim(), 0, joint.shape[0])
        self.joint = joint

    def forward(self, x, rank, obs=None, levels=None):
        rows = []
        for row, ranks in zip(x, rank, strict=True):
            rows.append(torch.stack([self._one(row, ranks < r, i) for i, r in enumerate(ranks)]))
        return torch.stack(rows)

    def _one(self, x, known, i):
        table = self.joint
        for j in range(self.dim):
            if j != i:
                keep = table.narrow(j, int(x[j]), 1) if known[j] else table.sum(j, keepdim=True)
                table = keep
        return (table / table.sum()).log().flatten()

    def start(self, x, known, obs=None):
        return x.clone(), known

    def step(self, state, target=None):
        x, known = state
        params = self(x, torch.where(known, 0, 1))
        return params if target is None else params[torch.arange(len(x)), target]

    def append(self, state, where, value):
        x, known = state
        return torch.where(where, value.unsqueeze(1), x), known | where


def tabular(dim, values, seed=0):
    """An exact any-order model of a random joint, and the joint."""
    generator = torch.Generator().manual_seed(seed)
    joint = torch.rand((values,) * dim, generator=generator, dtype=torch.float64) ** 3 + 1e-3
    joint = joint / joint.sum()
    return AnyOrder(Tabular(joint), Categorical(list(range(values)))), joint


def grid(dim, values):
    return torch.tensor(list(product(range(values), repeat=dim)), dtype=torch.float64)


def brute_force(joint, x, dims):
    """`p(x_dims)` for each row of `x`, by summing the joint."""
    rest = [i for i in range(joint.dim()) if i not in dims]
    marginal = joint.sum(rest) if rest else joint
    return marginal[tuple(x[:, i].long() for i in dims)] if dims else joint.new_ones(len(x))


def mask(x, dims):
    return torch.zeros_like(x, dtype=torch.bool).index_fill(1, torch.tensor(dims).long(), True)


@pytest.mark.parametrize(("dim", "values"), [(3, 3), (4, 2)])
def test_every_conditional_and_marginal_in_every_order(dim, values):
    model, joint = tabular(dim, values)
    x = grid(dim, values)
    for size in range(dim):
        for given in combinations(range(dim), size):
            rest = [i for i in range(dim) if i not in given]
            for asked in range(1, len(rest) + 1):
                for query in combinations(rest, asked):
                    both = sorted((*given, *query))
                    expected = (brute_force(joint, x, both) / brute_force(joint, x, given)).log()
                    for sequence in permutations(query):
                        order = [*sequence, *(i for i in range(dim) if i not in sequence)]
                        got = model.log_prob(x, mask(x, given), query=mask(x, query), order=order)
                        assert (got - expected).abs().max() < 1e-10


@settings(max_examples=25, deadline=None)
@forall(st.data())
def test_five_variables_with_another_given_in_each_row(data):
    model, joint = tabular(5, 2, seed=data.draw(st.integers(0, 3)))
    rows = data.draw(st.integers(1, 4))
    bits = st.lists(st.integers(0, 2), min_size=5, max_size=5).filter(lambda r: 1 in r)
    state = torch.tensor(data.draw(st.lists(bits, min_size=rows, max_size=rows)))
    x = torch.tensor(
        data.draw(
            st.lists(
                st.lists(st.integers(0, 1), min_size=5, max_size=5), min_size=rows, max_size=rows
            )
        ),
        dtype=torch.float64,
    )
    order = data.draw(st.permutations(range(5)))
    got = model.log_prob(x, state == 2, query=state == 1, order=order)
    for row in range(rows):
        given = (state[row] == 2).nonzero().flatten().tolist()
        both = (state[row] > 0).nonzero().flatten().tolist()
        one = x[row : row + 1]
        expected = brute_force(joint, one, both) / brute_force(joint, one, given)
        assert abs(got[row] - expected.log()) < 1e-10


def test_samples_follow_the_exact_conditional():
    model, joint = tabular(3, 3)
    x = torch.zeros(1500, 3, dtype=torch.float64)
    x[:, 1] = 2
    given = mask(x, [1])
    for order in ("natural", "random", "certain", [2, 1, 0]):
        drawn = model.sample(x, given, order=order, generator=torch.Generator().manual_seed(1))
        seen = torch.bincount((3 * drawn[:, 0] + drawn[:, 2]).long(), minlength=9)
        expected = joint[:, 2] / joint[:, 2].sum() * len(x)
        assert chisquare(seen.numpy(), expected.flatten().numpy()).pvalue > 1e-4


def test_a_greedy_mode_is_no_better_than_the_best():
    for seed in range(5):
        model, joint = tabular(4, 3, seed)
        x = torch.full((3, 4), float("nan"), dtype=torch.float64)
        x[1, 2] = 1
        x[2, :3] = 0
        given = ~x.isnan()
        greedy = model.mode(x, given)
        every = grid(4, 3)
        for row in range(3):
            fits = (every == x[row])[:, given[row]].all(1)
            best = brute_force(joint, every[fits], range(4)).max()
            assert brute_force(joint, greedy[row : row + 1], range(4)) <= best


def test_entropy_mean_and_uncertainty_are_exact_where_one_variable_is_open():
    model, joint = tabular(3, 3)
    x = torch.tensor([[1.0, 2.0, float("nan")]], dtype=torch.float64)
    p = joint[1, 2] / joint[1, 2].sum()
    value = torch.arange(3.0, dtype=torch.float64)
    mean = (p * value).sum()
    assert torch.isclose(model.mean(x, ~x.isnan())[0, 2], mean)
    assert torch.isclose(
        model.uncertainty(x, ~x.isnan())[0, 2], (p * (value - mean) ** 2).sum().sqrt()
    )
    assert torch.isclose(model.entropy(x, ~x.isnan())[0], -(p * p.log()).sum())


def test_entropy_of_the_whole_joint():
    model, joint = tabular(3, 2)
    x = torch.zeros(1, 3, dtype=torch.float64)
    got = model.entropy(x, samples=1000, generator=torch.Generator().manual_seed(0))
    assert abs(got[0] + (joint * joint.log()).sum()) < 0.03


def test_the_most_certain_dimension_comes_first():
    model, joint = tabular(4, 3)
    x = torch.zeros(1, 4, dtype=torch.float64)
    _, rank = model.fill(x, None, None, "mode", order="certain")
    entropies = [
        -(p * p.log()).sum() for p in (joint.sum([j for j in range(4) if j != i]) for i in range(4))
    ]
    assert rank[0].argmin() == torch.stack(entropies).argmin()
    assert sorted(rank[0].tolist()) == [1, 2, 3, 4]


def test_a_gaussian_base_is_the_gaussians_conditional():
    """Against the textbook: μ_i + C_iS C_SS⁻¹ (x_S - μ_S), and the Schur complement."""
    generator = torch.Generator().manual_seed(0)
    data = (
        torch.randn(60, 5, generator=generator).double()
        @ torch.randn(5, 5, generator=generator).double()
    )
    base = GaussianBase(data, obs_dim=2, shrink=0.1)
    x, obs = data[:4, 2:], data[:4, :2]
    rank = torch.tensor([[1, 2, 3], [0, 2, 1], [0, 4, 1], [1, 0, 4]])
    mean, std, length, count = base(x, rank, obs)
    for row in range(4):
        for i in range(3):
            if rank[row, i] in (0, 4):
                continue
            seen = [0, 1, *(2 + j for j in range(3) if rank[row, j] < rank[row, i])]
            gain = base.cov[2 + i, seen] @ base.cov[seen][:, seen].inverse()
            off = data[row, seen] - base.mean[seen]
            var = base.cov[2 + i, 2 + i] - gain @ base.cov[seen, 2 + i]
            assert torch.isclose(mean[row, i], base.mean[2 + i] + gain @ off)
            assert torch.isclose(std[row, i], var.sqrt())
            expected = off @ base.cov[seen][:, seen].inverse() @ off
            assert torch.isclose(length[row, i], expected) and count[row, i] == len(seen)


@pytest.mark.parametrize("shrink", [0.0, 1e-9])
def test_columns_that_depend_on_each_other_need_shrinkage(shrink):
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(60, 3, generator=generator) @ torch.randn(3, 5, generator=generator)
    for columns in (data, data[:3], torch.cat([data[:, :2], torch.ones(60, 1)], 1)):
        with pytest.raises(InputError, match=f"shrink: expected more than {shrink:g}, as columns"):
            GaussianBase(columns, shrink=shrink)
    base = GaussianBase(data, shrink=1e-4)
    assert all(part.isfinite().all() for part in base(data, shuffled(60, 5, generator) + 1))
    assert GaussianBase(data[:, :2], shrink=shrink).cov.shape == (2, 2)
