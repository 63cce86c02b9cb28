"""Objectives: which conditionals a density model is trained on, and how much each counts.

Every objective is an expectation over the edges (known set, target) of the lattice. Here edges are
drawn as whole paths, whose conditionals a network computes in one pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mac_control.engine.masks import any_order_edges, evidence_queries, marginal_queries
from mac_control.engine.orders import path_ranks, permutations, positions
from mac_control.errors import InputError

#: Name -> what it trains.
OBJECTIVES = {
    "ardm": "every conditional of a uniform random order: uniform order, uniform cardinality",
    "no-redundancy": "paths of the queries in one order, every query with the same weight",
    "mac": "the same paths, every conditional as often as queries visit it",
    "paper": "the same paths, conditionals weighted by cardinality |S| + 1, as published",
    "ardm-sets": "the published sampler 'none': a known set, all that is unknown as targets",
    "mac-sets": "the published sampler 'marginal': likewise, known sets weighted by |S| + 1",
}
#: Queries that a model is for: only the joint, marginals, or the rest given any evidence.
QUERIES = ("joint", "marginal", "evidence")


@dataclass(frozen=True)
class Paths:
    """Rows of paths of one length.

    Args:
        path: `(B, L)` variables in the order that they are visited, evidence first.
        weight: `(B, L)`, weight of each conditional in the loss; 0 for evidence.
        before: `(B, L)`, how many of the path's first variables each is conditioned on; None: all
            before it.
    """

    path: Tensor
    weight: Tensor
    before: Tensor | None = None

    def ranks(self, dim: int) -> Tensor:
        """The rank vectors `(B, D)` of paths that visit one variable at a time."""
        rank = self.path.new_full((len(self.path), dim), dim + 1)
        number = torch.arange(1, self.path.shape[1] + 1).expand_as(self.path)
        return rank.scatter(1, self.path, torch.where(self.weight > 0, number, 0))


@dataclass(frozen=True)
class Objective:
    """How paths are drawn.

    Args:
        name: one of `OBJECTIVES`.
        queries: one of `QUERIES`; ARDM always trains on those of a random order.
        order: order of the queries: `"natural"`, `"spaced"` or `"random"`.

    Raises:
        InputError: an unknown name, or an unsupported combination.

    Example:
        >>> paths = Objective("mac").draw(dim=8, tokens=64, groups=2)
        >>> [p.path.shape[0] * p.path.shape[1] > 16 for p in paths]
        [True, True]
    """

    name: str = "mac"
    queries: str = "marginal"
    order: str = "natural"

    def __post_init__(self) -> None:
        for field, value, known in (
            ("objective", self.name, OBJECTIVES),
            ("queries", self.queries, QUERIES),
            ("order", self.order, ("natural", "spaced", "random")),
        ):
            if value not in known:
                raise InputError(f"{field}: expected one of {', '.join(known)}, got {value!r}")
        if self.name in ("paper", "mac-sets") and self.queries != "marginal":
            raise InputError(
                f"queries: expected marginal with the objective {self.name}, got {self.queries}"
            )

    @property
    def asked_in(self) -> str:
        """The order in which a model trained this way is queried."""
        return "random" if self.name.startswith("ardm") else self.order

    def draw(
        self, dim: int, tokens: int, groups: int = 4, generator: torch.Generator | None = None
    ) -> list[Paths]:
        """Paths of about `tokens` variables in all, in `groups` of equal length.

        The mean of the groups' mean losses is an unbiased estimate of the objective.
        """
        rows = max(1, tokens // dim)
        if self.name.startswith("ardm") or self.name == "mac-sets":
            return [self._whole(dim, rows, generator)]
        if self.queries == "joint":
            place = positions(self.order, dim, rows, generator).argsort(-1)
            return [Paths(place, torch.ones(rows, dim))]
        if self.queries == "evidence":
            return [self._evidence(dim, rows, generator)]
        paths = []
        for size in self._sizes(dim, groups, generator):
            rows = max(1, round(tokens / (groups * size)))
            subset = permutations(rows, dim, generator)[:, :size]  # places in the order
            place = positions(self.order, dim, rows, generator).argsort(-1)
            path = place.gather(1, subset.sort(-1).values)
            weight = torch.ones(rows, size)
            if self.name == "paper":
                weight = weight * (torch.arange(1, size + 1) * 2 / (size + 1))
            paths.append(Paths(path, weight))
        return paths

    def draw_ranks(
        self, dim: int, rows: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `draw`, but rank vectors `(rows, D)` and weights `(rows, D)`, for short rows.

        A row trains (D + 1) / 2 conditionals on average under every objective except the joint.
        """
        if self.name in ("ardm-sets", "mac-sets"):
            paths = self._whole(dim, rows, generator)
            rank = torch.where(paths.weight > 0, 1, 0)
            rank = torch.zeros_like(rank).scatter(1, paths.path, rank)
            return rank, torch.zeros_like(paths.weight).scatter(1, paths.path, paths.weight)
        if self.name == "ardm":
            kept = marginal_queries(rows, dim, generator)[1]
            return permutations(rows, dim, generator) + 1, kept.float()
        if self.queries == "joint":
            given, query = torch.zeros(2, rows, dim, dtype=torch.bool)
            query = ~query
        else:
            ask = evidence_queries if self.queries == "evidence" else marginal_queries
            given, query = ask(rows, dim, generator)
        rank = path_ranks(given, query, positions(self.order, dim, rows, generator))
        weight = query.float()
        if self.name == "no-redundancy":
            weight = weight / weight.sum(1, keepdim=True)
        elif self.name == "paper":
            weight = weight * rank / weight.sum(1, keepdim=True)
        return rank, weight

    def _sizes(self, dim: int, groups: int, generator: torch.Generator | None) -> list[int]:
        """Sizes of marginals, spread evenly over their distribution.

        A group's loss is a mean over its conditionals. `mac` draws p(t) ∝ t, so that every
        conditional counts equally; `no-redundancy` draws t uniformly, so that every query does.
        """
        size = torch.arange(1, dim + 1, dtype=torch.float64)
        if self.name == "no-redundancy":
            size = torch.ones_like(size)
        elif self.name == "paper":
            size = size + 1
        share = (torch.rand(1, generator=generator) + torch.arange(groups)) / groups
        found = torch.searchsorted(size.cumsum(0) / size.sum(), share.double())
        return (found.clamp(max=dim - 1) + 1).tolist()

    def _evidence(self, dim: int, rows: int, generator: torch.Generator | None) -> Paths:
        given, query = evidence_queries(rows, dim, generator)
        rank = path_ranks(given, query, positions(self.order, dim, rows, generator))
        path = rank.argsort(stable=True, dim=-1)
        weight = query.gather(1, path).float()
        if self.name == "no-redundancy":
            weight = weight * dim / weight.sum(1, keepdim=True)
        return Paths(path, weight)

    def _whole(self, dim: int, rows: int, generator: torch.Generator | None) -> Paths:
        if self.name == "ardm":
            return Paths(permutations(rows, dim, generator), torch.ones(rows, dim))
        if self.name == "ardm-sets":
            known, _ = any_order_edges(rows, dim, generator)
        else:
            # Sizes t uniform, a step k below t uniform, kept with weight k + 1.
            size, step = torch.arange(1, dim + 1).view(-1, 1), torch.arange(dim)
            table = torch.where(step < size, (step + 1) / size, 0.0).flatten()
            drawn = torch.multinomial(table, rows, replacement=True, generator=generator)
            query = permutations(rows, dim, generator) < (drawn // dim + 1).unsqueeze(1)
            place = positions(self.order, dim, rows, generator)
            rank = path_ranks(torch.zeros_like(query), query, place)
            known = rank <= (drawn % dim).unsqueeze(1)
        path = (~known).to(torch.int8).argsort(stable=True, dim=-1)
        count = known.sum(1, keepdim=True)
        unknown = torch.arange(dim) >= count
        before = torch.where(unknown, count, torch.arange(dim))
        return Paths(path, unknown / unknown.sum(1, keepdim=True) * dim, before)
