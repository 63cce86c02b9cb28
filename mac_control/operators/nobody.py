"""Autonomy: an operator that gives nothing."""

from __future__ import annotations

import numpy as np

from mac_control.operators.base import Operator
from mac_control.partial import PartialAction


class Nobody(Operator):
    """Gives nothing.

    Example:
        >>> Nobody(action_dim=9).read(np.zeros(30)).given.any()
        np.False_
    """

    def __init__(self, action_dim: int) -> None:
        self._nothing = PartialAction.nothing(action_dim)

    def read(self, obs: np.ndarray) -> PartialAction:
        return self._nothing
