"""Published methods of shared control, for comparison: blending, agreement, partial diffusion.

Each has one dial from 0, the command bit for bit, to 1, the robot alone or nearly so.
"""

from __future__ import annotations

import numpy as np

from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.base import Policy, full_name
from mac_control.policies.diffusion import Diffusion
from mac_control.policies.revising import Revising


class Blended(Revising):
    """Linear blending: `u' = (1 - α) u + α a`, where `a` is what the policy would do alone.

    Free dimensions are filled in as if u' had been commanded.

    Source: Dragan and Srinivasa, A policy-blending formalism for shared control, IJRR 32(7), 2013.

    Args:
        policy: one that can say what it would do alone.
        share: of the policy, α in [0, 1].

    Raises:
        InputError: a share out of range, or a policy that cannot.

    Example:
        >>> from mac_control.policies.zero import ZeroPolicy
        >>> policy = Blended(ZeroPolicy(3, -np.ones(2), np.ones(2)), 0.25)
        >>> policy.act(np.zeros(3), PartialAction.of({0: 0.5}, 2)).tolist()
        [0.375, 0.0]
    """

    def __init__(self, policy: Policy, share: float) -> None:
        if not 0 <= share <= 1:
            raise InputError(f"share: expected a number from 0 to 1, got {share}")
        policy.autonomous_action(np.zeros((1, policy.obs_dim), np.float32))
        super().__init__(policy)
        self.share = share

    def revised(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        own = self.policy.autonomous_action(obs)
        share = self.shares(partial, own)
        values = np.where(share > 0, (1 - share) * partial.values + share * own, partial.values)
        return self.policy.act(obs, PartialAction(values, partial.given, partial.std))

    def shares(self, partial: PartialAction, own: np.ndarray) -> np.ndarray:
        """Share of the policy, `(B, 1)`, where `own` `(B, D)` is what it would do alone."""
        return np.full((len(own), 1), self.share)


class Agreeing(Blended):
    """Blending by agreement: `α = share · max(0, cos(u, a))` over the given dimensions.

    The robot assists an operator who goes its way, and leaves one alone who does not. Both actions
    are measured from the middle of the action box, in units of its half width.

    Args:
        policy: one that can say what it would do alone.
        share: of the policy where both point the same way, in [0, 1].

    Raises:
        InputError: a share out of range, or a policy that cannot.
    """

    def shares(self, partial: PartialAction, own: np.ndarray) -> np.ndarray:
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        theirs, mine = (
            np.where(partial.given, (each - middle) / half, 0.0) for each in (partial.values, own)
        )
        lengths = np.linalg.norm(theirs, axis=1) * np.linalg.norm(mine, axis=1)
        cosine = (theirs * mine).sum(1) / np.maximum(lengths, 1e-12)
        shares: np.ndarray = self.share * np.maximum(0.0, cosine)[:, None]
        return shares


class Noised(Revising):
    """Partial diffusion: the command with noise of level γ, denoised by a diffusion policy.

    Dimensions that nobody gives are inpainted first, since the method needs whole commands.

    Source: Yoneda, Sun, Yang, Stadie and Walter, To the Noise and Back: Diffusion for Shared
    Autonomy, RSS 2023, arXiv 2302.12244.

    Args:
        policy: a diffusion policy.
        share: γ, the share of the noise levels that the command is taken through, in [0, 1].

    Raises:
        InputError: a share out of range, or not a diffusion policy.
    """

    policy: Diffusion

    def __init__(self, policy: Policy, share: float) -> None:
        if not isinstance(policy, Diffusion):
            raise InputError(f"policy: expected a diffusion policy, got {full_name(policy)}")
        if not 0 <= share <= 1:
            raise InputError(f"share: expected a number from 0 to 1, got {share}")
        super().__init__(policy)
        self.share = share

    def revised(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        whole = self.policy.act(obs, partial)
        moved = self.policy.denoised(obs, whole, self.share)
        sent: np.ndarray = np.clip(moved, self.low, self.high)
        return sent
