"""Policies without a network that follow stored demonstrations, for comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from mac_control.demonstrations import Demonstrations
from mac_control.operators.tracker import Tracker
from mac_control.partial import PartialAction
from mac_control.policies import Policy
from mac_control.policies.retrieval import Retrieval, RetrievalConfig
from mac_control.robot import Robot


class FollowOne(Policy):
    """Tracks one demonstration; given dimensions replace its own."""

    def __init__(self, demonstrations: Demonstrations) -> None:
        self._tracker = Tracker(demonstrations)
        self.obs_dim, self.robot = demonstrations.obs_dim, known(demonstrations)
        self.low, self.high = self.robot.low, self.robot.high

    def reset(self, seed: int | None = None) -> None:
        self._tracker.reset(seed)

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        return np.stack([self._tracker.read(row).values for row in obs])


class FollowStored(Retrieval):
    """Retrieval only: the wrapped policy has no influence, even where nothing is given."""

    @classmethod
    def of(cls, demonstrations: Demonstrations) -> FollowStored:
        """All of these demonstrations."""
        robot = known(demonstrations)
        empty = RetrievalConfig("bc", {"width": 1, "depth": 1}, plans=len(demonstrations))
        size = demonstrations.obs_dim
        box: tuple[Any, ...] = np.zeros(size), np.ones(size), robot.low, robot.high, robot
        policy = cls(cls.configured(empty, demonstrations), *box)
        policy.store_demonstrations(demonstrations)
        return policy

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        return self.planned(obs, partial)


def known(demonstrations: Demonstrations) -> Robot:
    """The robot of the demonstrations, which must be known."""
    assert demonstrations.robot is not None
    return demonstrations.robot
