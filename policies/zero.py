"""A policy that holds still: plain teleoperation, for use without a model."""

from __future__ import annotations

import numpy as np

from mac_control.partial import PartialAction
from mac_control.policies.base import Policy


class ZeroPolicy(Policy):
    """Fills in 0, or the nearest value in the action box.

    Example:
        >>> ZeroPolicy(3, -np.ones(2), np.ones(2)).act(np.zeros(3)).any()
        np.False_
    """

    name = "zero"

    def __init__(self, obs_dim: int, low: np.ndarray, high: np.ndarray) -> None:
        self.obs_dim = obs_dim
        self.low, self.high = np.asarray(low, np.float32), np.asarray(high, np.float32)

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        return np.zeros_like(partial.values)
