"""Blocks: dimensions that are filled in at once, where they hardly depend on each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

from mac_control.errors import InputError

#: Dimensions, block after block.
Blocks = Sequence[Sequence[int]]
#: Added to the variances of residuals of variance 1: some may follow from others.
RIDGE = 1e-3


def in_blocks(order: object) -> TypeGuard[Blocks]:
    """Whether an order is one of blocks, not of single dimensions."""
    return (
        isinstance(order, Sequence)
        and not isinstance(order, str)
        and all(isinstance(each, Sequence) for each in order)
    )


def block_ranks(given: Tensor, query: Tensor, blocks: Blocks) -> Tensor:
    """The rank vector `(B, D)` of `p(query | given)`, block after block.

    0 where given; i + 1 where asked in block i; D + 1 where neither.

    Raises:
        InputError: blocks that do not hold each dimension once.

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


def independent_blocks(residuals: np.ndarray, count: int) -> tuple[tuple[int, ...], ...]:
    """The dimensions of residuals `(N, D)` in `count` blocks of one size, but for one.

    As if they were Gaussian: a block begins with the dimension that says most of the others, given
    the blocks before, and goes on with those that depend least on what is in it already. So what
    others follow from comes first, and what is filled in at once is nearly independent.

    Raises:
        InputError: fewer than one block, or more than there are dimensions.

    Example:
        >>> pair = np.random.default_rng(0).normal(size=(500, 2))
        >>> independent_blocks(pair[:, [0, 0, 1, 1]], 2)  # no two that are the same
        ((0, 3), (1, 2))
    """
    dim = residuals.shape[1]
    if not 1 <= count <= dim:
        raise InputError(f"blocks: expected a number from 1 to {dim}, got {count}")
    scale = residuals.std(0)
    unit = (residuals - residuals.mean(0)) / np.where(scale > 0, scale, 1)
    rest = unit.T @ unit / len(unit) + RIDGE * np.eye(dim)  # given what is chosen so far
    left = list(range(dim))
    blocks = []
    for size in (len(part) for part in np.array_split(np.arange(dim), count)):
        std = np.sqrt(np.diag(rest)[left])
        told = (rest[np.ix_(left, left)] / np.outer(std, std)) ** 2
        block = [left[int(told.sum(0).argmax())]]
        within = _given(rest, block[0])
        while len(block) < size:
            free = [other for other in left if other not in block]
            kept = np.diag(within)[free] / np.diag(rest)[free]  # 1: independent of the block
            block.append(free[int(kept.argmax())])
            within = _given(within, block[-1])
        left = [other for other in left if other not in block]
        rest = within
        blocks.append(tuple(sorted(block)))
    return tuple(blocks)


def _given(covariance: np.ndarray, dim: int) -> np.ndarray:
    """The covariance once `dim` is known; its own variance stays, as a unit that tells nothing."""
    along = covariance[dim] / np.sqrt(covariance[dim, dim])
    left = covariance - np.outer(along, along)
    left[dim], left[:, dim] = 0, 0
    left[dim, dim] = 1
    return np.asarray(left)


def residuals_of(obs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """What a linear function of observations `(N, O)` does not tell of actions, `(N, D)`."""
    scale = obs.std(0)
    seen = (obs - obs.mean(0)) / np.where(scale > 0, scale, 1)
    off = (actions - actions.mean(0)).astype(np.float64)
    seen = seen.astype(np.float64)
    square = seen.T @ seen + RIDGE * len(seen) * np.eye(seen.shape[1])
    return np.asarray(off - seen @ np.linalg.solve(square, seen.T @ off))
