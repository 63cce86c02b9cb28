"""An operator who drives only some dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mac_control.errors import InputError
from mac_control.operators.base import Operator
from mac_control.partial import PartialAction


class Restricted(Operator):
    """Keeps only some of the dimensions that another operator gives.

    Args:
        operator: the one restricted.
        action_dim: number of action dimensions, D.
        dims: the dimensions to keep, in every episode.
        k: or how many to keep, drawn in each episode by its seed.

    Raises:
        InputError: not one of `dims` and `k`, or one that does not fit D.

    Example:
        >>> from mac_control.operators import Nobody
        >>> operator = Restricted(Nobody(9), 9, k=3)
        >>> operator.reset(seed=0)
        >>> operator.dims
        array([3, 4, 7])
    """

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
        self.operator, self.action_dim, self.k = operator, action_dim, k
        self._keep(dims if dims is not None else range(k))

    def reset(self, seed: int | None = None) -> None:
        self.operator.reset(seed)
        if self.k is not None:
            # A stream of its own: `seed` itself feeds whatever the other operator draws.
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
            self._keep(rng.permutation(self.action_dim)[: self.k])

    def read(self, obs: np.ndarray) -> PartialAction:
        return self.operator.read(obs).restrict(self._kept)

    def close(self) -> None:
        self.operator.close()

    @property
    def dims(self) -> np.ndarray:
        """The dimensions kept in this episode, ascending."""
        return np.flatnonzero(self._kept)

    def _keep(self, dims: Sequence[int] | np.ndarray) -> None:
        self._kept = np.zeros(self.action_dim, bool)
        self._kept[list(dims)] = True
