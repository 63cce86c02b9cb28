"""Blocks: dimensions filled in at once, as they hardly depend on each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from mac_control.errors import InputError

#: Dimensions, block after block.
Blocks = Sequence[Sequence[int]]
#: Added to the variances of normalised residuals, as some may determine others.
RIDGE = 1e-3


def in_blocks(order: object) -> TypeGuard[Blocks]:
    """Whether an order consists of blocks, not of single dimensions."""
    return (
        isinstance(order, Sequence)
        and not isinstance(order, str)
        and all(isinstance(each, Sequence) for each in order)
    )


def block_ranks(given: Tensor, query: Tensor, blocks: Blocks) -> Tensor:
    """The rank vector `(B, D)` of `p(query | given)`, block after block.

    0 where given; i + 1 where queried in block i; D + 1 where neither.

    Raises:
        InputError: blocks that do not contain each dimension once.

    Example:
        >>> given, query = torch.tensor([[True, False, False]]), torch.tensor([[False, True, True]])
        >>> block_ranks(given, query, [[2, 0], [1]]).tolist()
        [[0, 2, 1]]
    """
    dim = given.shape[-1]
    if sorted(d for block in blocks for d in block) != list(range(dim)):
        raise InputError(f"order: expected blocks of 0 to {dim - 1}, each once, got {blocks}")
    place = torch.empty(dim, dtype=torch.long)
    for number, block in enumerate(blocks):
        place[list(block)] = number + 1
    rank = torch.where(query, place.to(query.device), dim + 1)
    return rank.masked_fill(given, 0)


def block_sizes(residuals: np.ndarray, count: int) -> tuple[int, ...]:
    """Sizes of `count` blocks of neighbours, in natural order, with the least inner dependence.

    Of all ways to cut the dimensions into `count` runs, this is the one that loses the least
    likelihood if residuals `(N, D)` were Gaussian, found by dynamic programming. A run `i..j` loses

        Σ_d ½ log( var(d | dimensions before i) / var(d | dimensions before d) )   [nats]

    where the variances are sums of squares in a row of the Cholesky factor. Conditionals are
    trained in natural order: blocks of another order lose more than they save.

    Raises:
        InputError: fewer than one block, or more than there are dimensions.

    Example:
        >>> pair = np.random.default_rng(0).normal(size=(500, 2))
        >>> block_sizes(pair[:, [0, 1, 1, 0]], 2)  # 1 and 2 are the same
        (2, 2)
    """
    dim = residuals.shape[1]
    if not 1 <= count <= dim:
        raise InputError(f"blocks: expected a number from 1 to {dim}, got {count}")
    scale = residuals.std(0)
    unit = (residuals - residuals.mean(0)) / np.where(scale > 0, scale, 1)
    factor = np.linalg.cholesky(unit.T @ unit / len(unit) + RIDGE * np.eye(dim)) ** 2
    loss = np.full((dim + 1, dim + 1), np.inf)  # of a run i..j-1
    for i in range(dim):
        within = np.cumsum(factor[i:, i:], 1).diagonal()
        loss[i, i + 1 :] = np.cumsum(np.log(within / factor.diagonal()[i:]) / 2)
    least, cut = loss[0], []  # of dimensions before j, in one block so far
    for _ in range(count - 1):
        every = least[:, None] + loss
        cut.append(every.argmin(0))
        least = every.min(0)
    ends = [dim]
    for before in reversed(cut):
        ends.append(int(before[ends[-1]]))
    return tuple(np.diff([0, *reversed(ends)]).tolist())


def residuals_of(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Residuals `(N, D)` of actions after linear regression on observations `(N, O)`."""
    scale = obs.std(0)
    seen = (obs - obs.mean(0)) / np.where(scale > 0, scale, 1)
    off = (actions - actions.mean(0)).astype(np.float64)
    seen = seen.astype(np.float64)
    square = seen.T @ seen + RIDGE * len(seen) * np.eye(seen.shape[1])
    return np.asarray(off - seen @ np.linalg.solve(square, seen.T @ off))
