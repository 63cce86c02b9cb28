"""The interface of networks, and the rank vector that describes a pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn


class Network(nn.Module, ABC):
    """Parameters of every conditional of a path in one pass.

    A *rank* `(B, D)` of integers describes the query: 0 is evidence, 1, 2, ... are the variables
    of a path in order, and `left_out` (D + 1) is neither given nor queried. The conditional of
    dimension i is conditioned on exactly {j : rank_j < rank_i}; equal ranks are predicted in
    parallel from the same set. Rows of a rank `(B, M, D)` are M paths of one sample, which share
    what is computed from the obs.

    Args:
        dim: number of variables, D.
        obs_dim: size of an observation, O; 0 for none.
        params: parameters of one univariate distribution, P.
    """

    def __init__(self, dim: int, obs_dim: int, params: int) -> None:
        super().__init__()
        self.dim, self.obs_dim, self.params = dim, obs_dim, params

    @property
    def left_out(self) -> int:
        """The rank of a dimension that is neither given nor queried."""
        return self.dim + 1

    @abstractmethod
    def forward(
        self, x: Tensor, rank: Tensor, obs: Tensor | None = None, levels: int | None = None
    ) -> Tensor:
        """`x` `(B, D)`, `rank` `(B, D)` or `(B, M, D)` -> `(B, D, P)` or `(B, M, D, P)`.

        `levels` is the highest rank on a path where the caller knows it; without it the tensor is
        inspected, which `torch.func.vmap` does not allow. Results at evidence and at dimensions
        left out are meaningless.
        """

    @abstractmethod
    def start(self, x: Tensor, known: Tensor, obs: Tensor | None = None) -> Any:
        """The state of a fill-in with `x` `(B, D)` known where `known` `(B, D)` is True."""

    @abstractmethod
    def step(self, state: Any, target: Tensor | int | None = None) -> Tensor:
        """Conditionals on the known variables: `(B, P)` of `target` `(B,)`, or `(B, D, P)` of all.

        A number is that dimension in every row.
        """

    @abstractmethod
    def append(self, state: Any, where: Tensor, value: Tensor) -> Any:
        """The state with `value` `(B,)` also known, at the one-hot `where` `(B, D)`.

        A row without an entry in `where` stays as it is. The old state must not be used again.
        """


def path_levels(rank: Tensor, dim: int) -> int:
    """The highest rank on a path, 0 where nothing is queried.

    Example:
        >>> path_levels(torch.tensor([[0, 1, 2, 4]]), dim=3)
        2
    """
    return int(torch.where(rank <= dim, rank, 0).max()) if rank.numel() else 0
