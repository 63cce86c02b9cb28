"""An operator that drives only some dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mac_control.errors import InputError
from mac_control.operators.base import Operator
from mac_control.operators.wrapper import OperatorWrapper
from mac_control.partial import PartialAction


class Restricted(OperatorWrapper):
    """Keeps only some of the dimensions that another operator gives.

    Args:
        operator: the operator to restrict.
        action_dim: number of action dimensions, D.
        dims: the dimensions to keep, in every episode.
        k: or how many to keep, drawn in each episode by its seed.

    Raises:
        InputError: not exactly one of `dims` and `k`, or one that does not fit D.

    Example:
        >>> from mac_control.operators import Nobody
        >>> operator = Restricted(Nobody(9), 9, k=3)
        >>> operator.reset(seed=0)
        >>> operator.dims
        array([1, 2, 6])
    """

    draws_alike = True  # so that three of five are three, whoever draws first

    def __init__(
        self,
        operator: Operator,
        action_dim: int,
        *,
        dims: Sequence[int] | None = None,
        k: int | None = None,
    ) -> None:
        if (dims is None) == (k is None):
            raise InputError(f"dims, k: expected one of the two, got dims={dims} and k={k}")
        if k is not None and not 0 <= k <= action_dim:
            raise InputError(f"k: expected a number of dimensions from 0 to {action_dim}, got {k}")
        if dims is not None and (
            len(set(dims)) < len(dims) or not all(0 <= dim < action_dim for dim in dims)
        ):
            raise InputError(
                f"dims: expected different dimensions from 0 to {action_dim - 1}, got {list(dims)}"
            )
        super().__init__(operator)
        self.action_dim, self.k = action_dim, k
        self._keep(dims if dims is not None else range(k or 0))

    def reset(self, seed: int | None = None) -> None:
        super().reset(seed)
        if self.k is not None:
            self._keep(self.rng.permutation(self.action_dim)[: self.k])

    def read(self, obs: np.ndarray) -> PartialAction:
        return self.operator.read(obs).restrict(self._kept)

    @property
    def dims(self) -> np.ndarray:
        """The dimensions kept in this episode, ascending."""
        return np.flatnonzero(self._kept)

    def _keep(self, dims: Sequence[int] | np.ndarray) -> None:
        self._kept = np.zeros(self.action_dim, bool)
        self._kept[list(dims)] = True
