"""Draws from a policy's own density that hang together in time, with their exact likelihood."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mac_control.engine.mixtures import GaussianMixture
from mac_control.engine.model import AnyOrder
from mac_control.errors import InputError
from mac_control.policies.base import Policy, name_of
from mac_control.policies.mac import MacPolicy


class Narrowed(GaussianMixture):
    """A mixture whose components are `spread` times as wide."""

    def __init__(self, head: GaussianMixture, spread: float) -> None:
        super().__init__(head.components)
        self.floor, self._log_spread = head.floor, math.log(spread)

    def _split(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        log_weight, loc, log_scale = super()._split(params)
        return log_weight, loc, log_scale + self._log_spread

    def at(self, params: Tensor, choice: Tensor, noise: Tensor) -> Tensor:
        """The draw `(B,)` that uniform `choice` and standard normal `noise` `(B,)` stand for."""
        log_weight, loc, log_scale = self._split(params)
        reached = log_weight.exp().cumsum(-1)
        k = (choice.unsqueeze(-1) > reached).sum(-1, keepdim=True).clamp(max=self.components - 1)
        loc, scale = (part.gather(-1, k).squeeze(-1) for part in (loc, log_scale.exp()))
        return loc + scale * noise


class Explorer:
    """Acts as `policy` does, with exploration.

    Each draw is one of `p(rest | given, obs)` with components `spread` times as wide; the noise of
    a dimension goes on from that of the step before, `n <- c n + √(1 - c²) e`, so that what is
    tried is tried for long enough to matter.

    Args:
        policy: MAC with a mixture of Gaussians.
        spread, correlation: see :class:`mac_control.practice.config.PracticeConfig`.

    Raises:
        InputError: another policy.
    """

    def __init__(self, policy: Policy, spread: float, correlation: float) -> None:
        if not isinstance(policy, MacPolicy) or not isinstance(policy.model.head, GaussianMixture):
            raise InputError(
                "policy: expected one with an exact density of what is filled in, mac with a "
                f"mixture of Gaussians, got {name_of(policy)}"
            )
        self.policy, self.correlation = policy, correlation
        self.head = Narrowed(policy.model.head, spread)
        self.model = AnyOrder(policy.network, self.head)

    def start(self, rows: int, generator: torch.Generator) -> Tensor:
        """Noise of the first step, `(2, rows, D)`: which component, and where in it."""
        return torch.randn(2, rows, self.policy.action_dim, generator=generator)

    def next(self, noise: Tensor, generator: torch.Generator) -> Tensor:
        """Noise of the step after."""
        fresh = torch.randn(noise.shape, generator=generator)
        return self.correlation * noise + math.sqrt(1 - self.correlation**2) * fresh

    def draw(self, obs: Tensor, x: Tensor, given: Tensor, noise: Tensor) -> Tensor:
        """Actions `(B, D)` in the unit box, not clipped to it; given entries as they are.

        Args:
            obs: `(B, O)`, normalised.
            x: given values in the unit box, `(B, D)`.
            given: which those are, `(B, D)` bool.
            noise: of this step, `(2, B, D)`.
        """
        choices, step = torch.special.ndtr(noise[0]), 0

        def choose(params: Tensor) -> Tensor:
            nonlocal step
            step += 1
            return self.head.at(params, choices[:, step - 1], noise[1, :, step - 1])

        with torch.inference_mode():
            return self.model.fill(x, given, obs, choose)[0].clone()

    def log_prob(self, obs: Tensor, x: Tensor, given: Tensor) -> Tensor:
        """Log-density `(B,)` of what was filled in [nats], differentiable; 0 where all is given."""
        some = ~given.all(-1)
        found = torch.zeros(len(x), dtype=x.dtype, device=x.device)
        if some.any():
            found[some] = self.model.log_prob(x[some], given[some], obs[some])
        return found
