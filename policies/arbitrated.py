"""Arbitration: the robot overrides commands that are very unlikely."""

from __future__ import annotations

import numpy as np

from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.base import Policy, expect_density
from mac_control.policies.revising import Revising

#: Share of the surprise that is kept per step: half of its weight is on the last half second.
KEPT = 0.9


class Arbitrated(Revising):
    """Obeys the operator only while the policy finds the given entries likely enough.

        s = 2 (log p(own | obs) - log p(given | obs)) / #given,    e <- 0.9 e + 0.1 s

    where `own` is what the policy would do alone in the given dimensions, as soft as the commands.
    For a Gaussian, s is the mean squared distance in standard deviations; while e ≥ z² the operator
    is overridden: the robot acts as if alone, and a stateful policy still observes the commands. An
    operator whose plan is not the robot's is overridden like one who is wrong.

    Args:
        policy: one that has a density and can say what it would do alone.
        z: standard deviations per given dimension; the smaller, the more often it overrides.

    Raises:
        InputError: `z` that is not above 0, or a policy that lacks one of the two.

    Example:
        >>> from mac_control.policies import MacConfig, MacPolicy
        >>> box, obs = np.ones(9), np.zeros(30)
        >>> policy = MacPolicy(MacConfig(), obs, obs + 1, -box, box)
        >>> partial = PartialAction([0.9] + 8 * [0], [True] + 8 * [False])
        >>> Arbitrated(policy, z=1000.0).act(obs, partial)[0] == np.float32(0.9)
        np.True_
    """

    def __init__(self, policy: Policy, z: float = 2.0) -> None:
        if not (np.isfinite(z) and z > 0):
            raise InputError(f"z: expected a finite number above 0, got {z}")
        expect_density(policy)
        policy.autonomous_action(np.zeros((1, policy.obs_dim), np.float32))
        super().__init__(policy)
        self.stateful = True
        self.z = z
        self._surprise = np.zeros(0)
        self._judged: tuple[np.ndarray, PartialAction, np.ndarray] | None = None

    def reset(self, seed: int | None = None) -> None:
        super().reset(seed)
        self._surprise = np.zeros(0)
        self._judged = None

    def log_prob(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """The wrapped policy's; what `act` already computed for this step is not computed again."""
        if self._judged is not None and partial.std is None:
            seen, judged, found = self._judged
            rows = np.atleast_2d(np.asarray(obs, np.float32))
            if np.array_equal(seen, rows) and judged.same_commands(partial.batched()):
                return found.reshape(np.shape(obs)[:-1]).copy()
        return self.policy.log_prob(obs, partial)

    def revised(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        action = self.policy.act(obs, partial)  # first: it updates the belief that log_prob uses
        own = self.policy.autonomous_action(obs)
        mine, theirs = (
            self.policy.log_prob(obs, each)
            for each in (PartialAction(own, partial.given, partial.std), partial)
        )
        assert mine is not None and theirs is not None  # as the constructor found
        # Only for exact commands: the likelihood of soft ones is estimated at random.
        self._judged = (obs.copy(), partial, theirs) if partial.std is None else None
        count = partial.given.sum(-1)
        # Clipped, so that one absurd command counts for about a second, not longer.
        surprise = np.clip(2 * (mine - theirs) / np.maximum(count, 1), 0, 4 * self.z**2)
        if len(self._surprise) != len(obs):
            self._surprise = np.zeros(len(obs))
        step = np.where(count > 0, (1 - KEPT) * (surprise - self._surprise), 0)
        self._surprise = self._surprise + step
        overridden = (count > 0) & (self._surprise >= self.z**2)
        return np.where(overridden[:, None], own, action)

    def nobody_drives(self) -> None:
        self._judged = None
