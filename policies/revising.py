"""Base class of policies that may execute something other than the command."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from mac_control.partial import PartialAction
from mac_control.policies.base import Policy, expect_partial


class Revising(Policy):
    """A wrapper that may execute something near a command instead of the command.

    **Given entries are then not returned bit for bit**: the one exception to the contract of
    :class:`Policy`, so it is never on by default. A subclass writes `revised`.

    Args:
        policy: the wrapped policy, which fills in.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy, self.robot = policy, policy.robot
        self.obs_dim, self.low, self.high = policy.obs_dim, policy.low, policy.high
        self.guessed_box, self.stateful = policy.guessed_box, policy.stateful
        self.draws = policy.draws

    @property
    def inferred_intent(self) -> list[str]:
        return self.policy.inferred_intent

    def reset(self, seed: int | None = None) -> None:
        self.policy.reset(seed)

    def act(self, obs: np.ndarray, partial: PartialAction | None = None) -> np.ndarray:
        if partial is not None:
            expect_partial(partial)
            partial = partial.finite()
        if partial is None or not partial.given.any():
            self.nobody_drives()
            return self.policy.act(obs, partial)
        many, batch = self._checked(obs, partial)
        return self.revised(many, batch).reshape(partial.values.shape)

    @abstractmethod
    def revised(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """The whole action `(B, D)` for `(B, O)`, once per step in which something is given."""

    def nobody_drives(self) -> None:
        """Called in a step in which nothing is given."""

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        return self.policy.complete(obs, partial)

    def draw_rest(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        return self.policy.draw_rest(obs, partial)

    def autonomous_action(self, obs: np.ndarray) -> np.ndarray:
        return self.policy.autonomous_action(obs)

    def log_prob(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        return self.policy.log_prob(obs, partial)

    def conditional_log_prob(
        self, obs: np.ndarray, action: np.ndarray, given: np.ndarray
    ) -> np.ndarray | None:
        return self.policy.conditional_log_prob(obs, action, given)

    def uncertainty(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        return self.policy.uncertainty(obs, partial)
