"""A policy that stands still: plain teleoperation, for when no model is at hand."""

from __future__ import annotations

import numpy as np

from mac_control.policies.base import Policy


class Still(Policy):
    """Fills in 0 everywhere.

    Example:
        >>> Still(30, -np.ones(9), np.ones(9)).act(np.zeros(30)).any()
        np.False_
    """

    def __init__(self, obs_dim: int, low: np.ndarray, high: np.ndarray) -> None:
        self.obs_dim = obs_dim
        self.low, self.high = np.asarray(low, np.float32), np.asarray(high, np.float32)

    def complete(self, obs: np.ndarray, values: np.ndarray, given: np.ndarray) -> np.ndarray:
        return np.zeros_like(values)
