"""Orders: in which sequence a path asks for its variables, and the rank vector of a path."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mac_control.errors import InputError

#: Orders that are known by name; `"certain"` asks for the most certain dimension first.
ORDERS = ("natural", "random", "certain")


def positions(
    order: str | Sequence[int] | Tensor,
    dim: int,
    batch: int,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """The place of each dimension in an order, `(B, D)` integers.

    `order` is `"natural"` (0, 1, ...), `"random"` (a new permutation per row, uniform), or a
    permutation: `order[0]` is asked for first.

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
        raise InputError(
            f"order: expected 'natural', 'random' or a permutation here, got {order!r}"
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
    return torch.rand(batch, dim, generator=generator, device=device).argsort(-1)


def path_ranks(given: Tensor, query: Tensor, position: Tensor) -> Tensor:
    """The rank vector `(..., D)` of one query's path: `p(query | given)` in a given order.

    0 where given; 1, 2, ... where asked; D + 1 where neither.

    Example:
        >>> given, query = torch.tensor([[True, False, False], [False, False, True]])
        >>> path_ranks(given, query, torch.arange(3)).tolist()
        [0, 4, 1]
    """
    dim = given.shape[-1]
    before = position.unsqueeze(-2) < position.unsqueeze(-1)  # (..., D, D): column before row
    rank = 1 + (before & query.unsqueeze(-2)).sum(-1)
    return torch.where(given, 0, torch.where(query, rank, dim + 1))
