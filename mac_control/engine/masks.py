"""Masks: which conditionals are trained, and how often.

A *query* is a pair of boolean masks (given, query); its path visits the query's variables one by
one. An *edge* is one step of a path, a pair (known, target): predict the target from the known
set. The method trains each edge as often as paths use it.

Each function states its distribution in closed form; `tests/test_engine_masks.py` checks it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mac_control.engine.orders import path_ranks, permutations
from mac_control.errors import InputError

Masks = tuple[Tensor, Tensor]


def any_order_edges(batch: int, dim: int, generator: torch.Generator | None = None) -> Masks:
    """ARDM: a uniform order, cut at a uniform position (Hoogeboom et al. 2022).

    `p(S, i) = 1 / (D · C(D, |S|) · (D - |S|))` for every set S and i not in it.
    """
    place = permutations(batch, dim, generator)
    cut = torch.randint(dim, (batch, 1), generator=generator)
    return place < cut, place == cut


def marginal_queries(
    batch: int, dim: int, generator: torch.Generator | None = None, visits: bool = False
) -> Masks:
    """Marginals `p(x_Q)`: size t of Q uniform in 1..D, Q uniform among the sets of its size.

    With `visits`, `p(t) ∝ t`: how often an edge drawn uniformly among all visited edges belongs to
    a query of that size. A uniform step of such a query has the exact visit frequency.
    """
    size = _sizes(batch, dim, generator, torch.arange(1, dim + 1) if visits else None)
    query = permutations(batch, dim, generator) < size
    return torch.zeros_like(query), query


def evidence_queries(
    batch: int,
    dim: int,
    generator: torch.Generator | None = None,
    visits: bool = False,
    nothing: float = 0.0,
) -> Masks:
    """Conditionals `p(rest | given)`: size of the rest uniform in 1..D, given uniform.

    With `visits`, p(size) ∝ size, as in `marginal_queries`. With probability `nothing`, everything
    is queried and nothing given.
    """
    size = _sizes(batch, dim, generator, torch.arange(1, dim + 1) if visits else None)
    query = permutations(batch, dim, generator) < size
    if nothing:
        query = query | (torch.rand(batch, 1, generator=generator) < nothing)
    return ~query, query


def operator_queries(
    batch: int,
    groups: Tensor,
    weights: Sequence[float] | None = None,
    generator: torch.Generator | None = None,
    visits: bool = False,
) -> Masks:
    """Conditionals on the sets that operators give: row g of `groups` `(G, D)` with weight w_g.

    With `visits`, p(g) ∝ w_g · (number of dimensions that g leaves free).

    Raises:
        InputError: `groups` is not boolean, or a group leaves no dimension free.
    """
    if groups.dtype != torch.bool or groups.dim() != 2:
        raise InputError(
            f"groups: expected booleans (G, D), got {tuple(groups.shape)} of {groups.dtype}"
        )
    if groups.all(-1).any():
        raise InputError("groups: expected at least one open dimension in each, got a full one")
    weight = torch.ones(len(groups)) if weights is None else torch.as_tensor(weights).float()
    if weight.shape != (len(groups),) or not (weight > 0).all():
        raise InputError(f"weights: expected {len(groups)} numbers above 0, got {weights}")
    if visits:
        weight = weight * (~groups).sum(-1)
    given = groups[torch.multinomial(weight, batch, replacement=True, generator=generator)]
    return given, ~given


def uniform_step(
    given: Tensor,
    query: Tensor,
    position: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Masks:
    """One edge of each query's path, uniform among its steps, in the order of `position`."""
    rank = path_ranks(given, query, position)
    length = query.sum(-1, keepdim=True)
    step = (torch.rand(length.shape, generator=generator) * length).long().clamp(max=length - 1) + 1
    return rank < step, rank == step


def _sizes(
    batch: int, dim: int, generator: torch.Generator | None, weight: Tensor | None
) -> Tensor:
    if weight is None:
        return torch.randint(1, dim + 1, (batch, 1), generator=generator)
    drawn = torch.multinomial(weight.float(), batch, replacement=True, generator=generator)
    return drawn.unsqueeze(1) + 1
