"""Masks are drawn as often as their formulas say; orders are what they are called."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from mac_control import InputError
from mac_control.engine.lattice import draw_lattice, edges, frequencies
from mac_control.engine.masks import (
    any_order_edges,
    evidence_queries,
    marginal_queries,
    operator_queries,
    uniform_step,
)
from mac_control.engine.orders import path_ranks, positions

D = 9


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def counted(known, target):
    """How often each edge (known set as bits, target) came, `(2^D, D)`."""
    dim = known.shape[1]
    bits = (known * 2 ** torch.arange(dim)).sum(1).numpy()
    table = np.zeros((2**dim, dim))
    np.add.at(table, (bits, target.int().argmax(1).numpy()), 1)
    return table


def enumerated(queries):
    """Edge frequencies of `{(given, query): weight}` by walking every path in natural order."""
    table = np.zeros((2**D, D))
    for (given, query), weight in queries.items():
        known = sum(1 << i for i in given)
        for i in sorted(query):
            table[known, i] += weight / len(query)
            known |= 1 << i
    return table


def all_queries(rule, visits):
    total = sum(range(1, D + 1))
    queries = {}
    for t in range(1, D + 1):
        sets = list(combinations(range(D), t))
        for query in sets:
            given = () if rule == "marginal" else tuple(set(range(D)) - set(query))
            queries[given, query] = (t / total if visits else 1 / D) / len(sets)
    return queries


@pytest.mark.parametrize("visits", [False, True])
@pytest.mark.parametrize("rule", ["marginal", "evidence"])
def test_the_formulas_equal_exact_enumeration(rule, visits):
    expected = enumerated(all_queries(rule, visits))
    assert np.allclose(frequencies(D, rule, visits), expected, atol=1e-15)
    assert np.isclose(expected.sum(), 1)


def test_visit_weights_are_how_often_paths_use_an_edge():
    """Every query equally likely per size: the share of an edge among all steps taken."""
    used = Counter()
    for (given, query), weight in all_queries("marginal", visits=False).items():
        known = sum(1 << i for i in given)
        for i in query:
            used[known, i] += weight
            known |= 1 << i
    total = sum(used.values())
    table = frequencies(D, "marginal", visits=True)
    for (known, i), count in used.items():
        assert np.isclose(table[known, i], count / total, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "table", "draw"),
    [
        ("any", frequencies(D), lambda n, g: any_order_edges(n, D, g)),
        *(
            (
                f"{rule} {visits}",
                frequencies(D, rule, visits),
                lambda n, g, draw=draw, visits=visits: uniform_step(
                    *draw(n, D, g, visits), generator=g
                ),
            )
            for rule, draw in (("marginal", marginal_queries), ("evidence", evidence_queries))
            for visits in (False, True)
        ),
        (
            "evidence, nothing in 0.3",
            frequencies(D, "evidence", nothing=0.3),
            lambda n, g: uniform_step(*evidence_queries(n, D, g, nothing=0.3), generator=g),
        ),
    ],
)
def test_the_samplers_follow_the_formulas(name, table, draw):
    count = 400_000
    seen = counted(*draw(count, seeded()))
    assert not seen[table == 0].any(), "an edge was drawn that has probability 0"
    expected = count * table[table > 0]
    often = expected >= 5
    # Rare edges are counted together, as the test's approximation asks.
    observed = np.append(seen[table > 0][often], seen[table > 0][~often].sum())
    expected = np.append(expected[often], expected[~often].sum())
    keep = expected > 0
    assert chisquare(observed[keep], expected[keep]).pvalue > 1e-4


def test_operator_masks_follow_their_weights():
    groups = torch.zeros(2, 4, dtype=torch.bool)
    groups[1, :3] = True
    for visits, share in ((False, 0.75), (True, 3 / (3 + 4))):
        given, query = operator_queries(100_000, groups, [1, 3], seeded(), visits)
        assert torch.equal(given, ~query)
        assert abs(float(given.any(1).float().mean()) - share) < 0.01
    with pytest.raises(InputError, match="full"):
        operator_queries(1, torch.ones(1, 4, dtype=torch.bool))
    with pytest.raises(InputError, match="boolean"):
        operator_queries(1, torch.ones(1, 4))


def test_nine_dimensions_have_2304_conditionals_of_which_511_lie_on_paths():
    assert len(edges(9)) == 2304
    assert len(edges(9, "marginal")) == len(edges(9, "evidence")) == 511


def test_ranks_follow_the_order():
    given = torch.tensor([[False, True, False, False]])
    query = torch.tensor([[True, False, False, True]])
    place = positions([3, 2, 1, 0], 4, 1)
    assert path_ranks(given, query, place).tolist() == [[2, 0, 5, 1]]
    assert positions("natural", 4, 2).tolist() == [[0, 1, 2, 3]] * 2
    shuffled = positions("random", 4, 24_000, seeded())
    counts = Counter(map(tuple, shuffled.tolist()))
    assert chisquare([*counts.values()] + [0] * (24 - len(counts))).pvalue > 1e-4
    with pytest.raises(InputError, match="permutation of 0 to 3"):
        positions([0, 0, 1, 2], 4, 1)


def test_the_lattice_is_drawn(tmp_path):
    draw_lattice(3, ("any", "marginal", "evidence")).savefig(tmp_path / "lattice.png")
    assert (tmp_path / "lattice.png").stat().st_size > 10_000
    with pytest.raises(InputError, match="1 to 6"):
        draw_lattice(9)
