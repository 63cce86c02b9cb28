"""Orders: the sequence in which a path visits its variables, and its rank vector."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mac_control.engine.heads import uniform
from mac_control.errors import InputError

#: Named orders; `"certain"` takes the most certain dimension first.
ORDERS = ("natural", "spaced", "random", "certain")


def positions(
    order: str | Sequence[int] | Tensor,
    dim: int,
    batch: int,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """The place of each dimension in an order, `(B, D)` integers.

    `order` is `"natural"` (0, 1, ...), `"spaced"` (with a stride: 0, s, 2 s, ..., 1, 1 + s, ...
    with s the whole number nearest to √D, so that the first dimensions are far apart), `"random"`
    (a new permutation per row, uniform), or a permutation: `order[0]` comes first.

    Raises:
        InputError: an unknown name, or not a permutation.

    Example:
        >>> positions([2, 0, 1], dim=3, batch=1).tolist()
        [[1, 2, 0]]
    """
    if isinstance(order, str):
        if order == "natural":
            return torch.arange(dim, device=device).expand(batch, dim)
        if order == "random":
            return permutations(batch, dim, generator, device)
        if order == "spaced":
            stride = max(1, round(dim**0.5))
            index = torch.arange(dim, device=device)
            return (index % stride * dim + index).argsort().argsort().expand(batch, dim)
        raise InputError(
            f"order: expected 'natural', 'spaced', 'random' or a permutation here, got {order!r}"
        )
    sequence = torch.as_tensor(order, device=device)
    if sequence.shape != (dim,) or sorted(sequence.tolist()) != list(range(dim)):
        raise InputError(f"order: expected a permutation of 0 to {dim - 1}, got {order}")
    return sequence.argsort().expand(batch, dim)


def permutations(
    batch: int,
    dim: int,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Uniform permutations `(B, D)`."""
    return uniform(torch.empty(batch, dim, device=device), generator).argsort(-1)


def path_ranks(given: Tensor, query: Tensor, position: Tensor | None = None) -> Tensor:
    """The rank vector `(..., D)` of one query's path: `p(query | given)` in a given order.

    0 where given; 1, 2, ... where queried; D + 1 where neither. `position` None is natural order.

    Example:
        >>> given, query = torch.tensor([[True, False, False], [False, False, True]])
        >>> path_ranks(given, query, torch.arange(3)).tolist()
        [0, 4, 1]
    """
    dim = given.shape[-1]
    if position is None:
        return query.cumsum(-1).masked_fill_(~query, dim + 1).masked_fill_(given, 0)
    place = position.argsort(-1).expand(query.shape)  # the dimension that comes first, second, ...
    count = query.gather(-1, place).cumsum(-1)
    rank = torch.zeros_like(count).scatter(-1, place, count)
    return torch.where(given, 0, torch.where(query, rank, dim + 1))
