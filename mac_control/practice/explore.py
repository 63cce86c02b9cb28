"""Time-correlated draws from a policy's own density, with their exact likelihood."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn

from mac_control.engine.mixtures import GaussianMixture
from mac_control.engine.model import AnyOrder
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.base import Policy, full_name
from mac_control.policies.intent import Intent
from mac_control.policies.learned import LearnedPolicy
from mac_control.policies.mac import MacPolicy
from mac_control.policies.mixture_bc import MixtureBC
from mac_control.policies.retrieval import Retrieval


def component(log_weight: Tensor, choice: Tensor) -> Tensor:
    """The component `(B,)` of `log_weight` `(B, K)` that uniform `choice` `(B,)` selects."""
    reached = log_weight.exp().cumsum(-1)
    return (choice.unsqueeze(-1) > reached).sum(-1).clamp(max=log_weight.shape[-1] - 1)


class Narrowed(GaussianMixture):
    """A mixture whose components are `spread` times as wide."""

    def __init__(self, head: GaussianMixture, spread: float) -> None:
        super().__init__(head.components)
        self.floor, self._log_spread = head.floor, math.log(spread)

    def _split(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        log_weight, loc, log_scale = super()._split(params)
        return log_weight, loc, log_scale + self._log_spread

    def at(self, params: Tensor, choice: Tensor, noise: Tensor) -> Tensor:
        """The draw `(B,)` determined by uniform `choice` and standard normal `noise` `(B,)`."""
        log_weight, loc, log_scale = self._split(params)
        k = component(log_weight, choice).unsqueeze(-1)
        loc, scale = (part.gather(-1, k).squeeze(-1) for part in (loc, log_scale.exp()))
        return loc + scale * noise


class Explorer(ABC):
    """Acts as `policy` does, with exploration.

    Each draw is from `p(rest | given, obs)` with components `spread` times as wide; the noise of
    a dimension is correlated with that of the step before, `n <- c n + √(1 - c²) e`, so that a
    deviation lasts long enough to matter.

    Args:
        policy: acts, and learns.
        network: the part of it that learns.
        correlation: c; see :class:`mac_control.practice.config.PracticeConfig`.
    """

    def __init__(self, policy: LearnedPolicy, network: nn.Module, correlation: float) -> None:
        self.policy, self.network, self.correlation = policy, network, correlation

    def start(self, rows: int, generator: torch.Generator) -> Tensor:
        """Noise of the first step, `(2, rows, D)`: for the component, and for the value in it."""
        self.policy.reset()
        return torch.randn(2, rows, self.policy.action_dim, generator=generator)

    def next(self, noise: Tensor, generator: torch.Generator) -> Tensor:
        """Noise of the next step."""
        fresh = torch.randn(noise.shape, generator=generator)
        return self.correlation * noise + math.sqrt(1 - self.correlation**2) * fresh

    @property
    def obs_dim(self) -> int:
        """Size of what `see` returns, O."""
        return self.policy.obs_dim

    def see(self, obs: np.ndarray, partial: PartialAction) -> Tensor:
        """The network's input, normalised, `(B, O)`; called once a step, for all rows."""
        return self.policy.normalize(torch.tensor(obs, dtype=torch.float32))

    @abstractmethod
    def draw(self, obs: Tensor, x: Tensor, given: Tensor, noise: Tensor) -> Tensor:
        """Actions `(B, D)` in units of the box, not clipped to it; given entries unchanged.

        Args:
            obs: `(B, O)`, as `see` returns it.
            x: given values in the unit box, `(B, D)`.
            given: which entries are given, `(B, D)` bool.
            noise: noise of this step, `(2, B, D)`.
        """

    @abstractmethod
    def log_prob(self, obs: Tensor, x: Tensor, given: Tensor) -> Tensor:
        """Log-density `(B,)` of filled-in entries [nats], differentiable; 0 where all are given."""


class MacExplorer(Explorer):
    """MAC with a mixture of Gaussians: draws along its path, one dimension after another."""

    def __init__(self, policy: MacPolicy, spread: float, correlation: float) -> None:
        super().__init__(policy, policy.network, correlation)
        assert isinstance(policy.model.head, GaussianMixture)
        self.head = Narrowed(policy.model.head, spread)
        self.model = AnyOrder(policy.network, self.head)

    def draw(self, obs: Tensor, x: Tensor, given: Tensor, noise: Tensor) -> Tensor:
        # The path visits free dimensions in natural order; each gets its own noise.
        asked = given.to(torch.int8).argsort(stable=True, dim=-1)
        choices, normals = (
            part.gather(-1, asked) for part in (torch.special.ndtr(noise[0]), noise[1])
        )
        step = 0

        def choose(params: Tensor) -> Tensor:
            nonlocal step
            step += 1
            return self.head.at(params, choices[:, step - 1], normals[:, step - 1])

        with torch.inference_mode():
            return self.model.fill(x, given, obs, choose)[0].clone()

    def log_prob(self, obs: Tensor, x: Tensor, given: Tensor) -> Tensor:
        some = ~given.all(-1)
        found = torch.zeros(len(x), dtype=x.dtype, device=x.device)
        if some.any():
            found[some] = self.model.log_prob(x[some], given[some], obs[some])
        return found


class MixtureExplorer(Explorer):
    """A mixture density: draws a component given the given entries, then from its Gaussians."""

    def __init__(self, policy: MixtureBC, spread: float, correlation: float) -> None:
        super().__init__(policy, policy.network, correlation)
        self._mixture, self._explained = policy.mixture, policy.explained
        self._conditions, self._log_spread = policy.config.condition, math.log(spread)

    def _given(self, obs: Tensor, x: Tensor, given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weight, mean, log_scale = self._mixture(obs)
        if self._conditions:
            weight = self._explained(x, given.to(x.dtype), weight, mean, log_scale)
        return weight.log_softmax(-1), mean, log_scale + self._log_spread

    def draw(self, obs: Tensor, x: Tensor, given: Tensor, noise: Tensor) -> Tensor:
        with torch.inference_mode():
            weight, mean, log_scale = self._given(obs, x, given)
            k = component(weight, torch.special.ndtr(noise[0, :, 0]))
            k = k[:, None, None].expand(-1, 1, x.shape[-1])
            loc, scale = (part.gather(1, k).squeeze(1) for part in (mean, log_scale.exp()))
            return torch.where(given, x, loc + scale * noise[1]).clone()

    def log_prob(self, obs: Tensor, x: Tensor, given: Tensor) -> Tensor:
        free = (~given).to(x.dtype)
        return self._explained(x, free, *self._given(obs, x, given)).logsumexp(-1)


class IntentExplorer(Explorer):
    """Draws as the wrapped policy does, which is told the intent inferred so far."""

    policy: Intent

    def __init__(self, policy: Intent, spread: float, correlation: float) -> None:
        self.inner = explorer_of(policy.inner, spread, correlation)
        super().__init__(policy, self.inner.network, correlation)

    @property
    def obs_dim(self) -> int:
        return self.policy.inner.obs_dim

    def see(self, obs: np.ndarray, partial: PartialAction) -> Tensor:
        rows = np.asarray(obs, np.float32)
        self.policy.observe(rows, partial)
        return self.policy.inner.normalize(torch.tensor(self.policy.told(rows)))

    def draw(self, obs: Tensor, x: Tensor, given: Tensor, noise: Tensor) -> Tensor:
        return self.inner.draw(obs, x, given, noise)

    def log_prob(self, obs: Tensor, x: Tensor, given: Tensor) -> Tensor:
        return self.inner.log_prob(obs, x, given)


class RetrievalExplorer(Explorer):
    """Draws as the wrapped policy does, and mixes that with the stored plans' action.

    With the plans' share w of the action c, the density of x is that of what was drawn:

        log p(x) = log p_own((x - w c) / (1 - w)) - F log(1 - w),   F free dimensions
    """

    policy: Retrieval

    def __init__(self, policy: Retrieval, spread: float, correlation: float) -> None:
        if policy.config.share == 1:
            raise InputError("policy: expected retrieval with a share below 1, got 1")
        self.inner = explorer_of(policy.inner, spread, correlation)
        super().__init__(policy, self.inner.network, correlation)

    @property
    def obs_dim(self) -> int:
        return self.inner.obs_dim + self.policy.action_dim

    def see(self, obs: np.ndarray, partial: PartialAction) -> Tensor:
        """The network's input, then the plans' action in units of the box, `(B, O + D)`."""
        rows = np.asarray(obs, np.float32)
        self.policy.observe(rows, partial)
        planned = torch.tensor(self.policy.planned(rows, partial), dtype=torch.float32)
        return torch.cat([self.inner.see(rows, partial), self.policy.to_unit(planned)], -1)

    def _parts(self, obs: Tensor, given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        size = self.inner.obs_dim
        # Commands are exact in practice, so each has the full weight.
        share = self.policy.config.share * given.any(-1, keepdim=True)
        return obs[:, :size], obs[:, size:], share

    def draw(self, obs: Tensor, x: Tensor, given: Tensor, noise: Tensor) -> Tensor:
        seen, planned, share = self._parts(obs, given)
        own = self.inner.draw(seen, x, given, noise)
        return torch.where(given, x, share * planned + (1 - share) * own)

    def log_prob(self, obs: Tensor, x: Tensor, given: Tensor) -> Tensor:
        seen, planned, share = self._parts(obs, given)
        own = torch.where(given, x, (x - share * planned) / (1 - share))
        stretched = ((~given) * torch.log1p(-share)).sum(-1)
        return self.inner.log_prob(seen, own, given) - stretched


def explorer_of(policy: Policy, spread: float, correlation: float) -> Explorer:
    """How `policy` explores: see :class:`mac_control.practice.config.PracticeConfig`.

    Raises:
        InputError: a policy without an exact density that can be drawn from smoothly.
    """
    if isinstance(policy, Intent):
        return IntentExplorer(policy, spread, correlation)
    if isinstance(policy, Retrieval):
        return RetrievalExplorer(policy, spread, correlation)
    if isinstance(policy, MixtureBC):
        return MixtureExplorer(policy, spread, correlation)
    if isinstance(policy, MacPolicy) and isinstance(policy.model.head, GaussianMixture):
        if policy.config.blocks or policy.config.order != "natural":
            raise InputError(
                "policy: expected mac that fills in one dimension after another in natural order, "
                f"got blocks {policy.config.blocks} and order {policy.config.order}"
            )
        return MacExplorer(policy, spread, correlation)
    raise InputError(
        "policy: expected one with an exact density of what is filled in, mac with a mixture of "
        f"Gaussians or mixture_bc, or intent or retrieval around these, got {full_name(policy)}"
    )
