"""What policies have in common that may execute another thing than was commanded."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from mac_control.partial import PartialAction
from mac_control.policies.base import Policy


class Revising(Policy):
    """A policy around another one that may execute something near a command in its place.

    **Given entries are then not returned bit for bit**: the one exception to the contract of
    :class:`Policy`, so it is never on by default. A subclass writes `revised`.

    Args:
        policy: the one that fills in.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy, self.robot = policy, policy.robot
        self.obs_dim, self.low, self.high = policy.obs_dim, policy.low, policy.high
        self.guessed_box, self.stateful = policy.guessed_box, policy.stateful

    @property
    def inferred_intent(self) -> list[str]:
        return self.policy.inferred_intent

    def reset(self, seed: int | None = None) -> None:
        self.policy.reset(seed)

    def act(self, obs: np.ndarray, partial: PartialAction | None = None) -> np.ndarray:
        if partial is None or not partial.given.any():
            self.nobody_drives()
            return self.policy.act(obs, partial)
        many, batch = self._checked(obs, partial)
        return self.revised(many, batch).reshape(partial.values.shape)

    @abstractmethod
    def revised(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """The whole action `(B, D)` for `(B, O)`, once in each step in which somebody drives."""

    def nobody_drives(self) -> None:
        """A step in which nobody did."""

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        return self.policy.complete(obs, partial)

    def autonomous_action(self, obs: np.ndarray) -> np.ndarray:
        return self.policy.autonomous_action(obs)

    def log_prob(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        return self.policy.log_prob(obs, partial)

    def uncertainty(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        return self.policy.uncertainty(obs, partial)
