"""Behaviour cloning with a mixture density: several modes, which are not averaged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mac_control.demonstrations.table import Steps
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.base import expect_rows
from mac_control.policies.learned import LearnedPolicy


@dataclass(frozen=True)
class MixtureBCConfig:
    """What a :class:`MixtureBC` is made of, as JSON values."""

    width: int = 256
    """Width of the hidden layers."""
    depth: int = 2
    """Number of hidden layers."""
    components: int = 5
    """Gaussians in the mixture."""
    min_scale: float = 0.02
    """Least width of a Gaussian in any dimension, in units of half the action box."""
    condition: bool = False
    """Also use the given values to choose the component; False: overlay, as BC does."""

    def __post_init__(self) -> None:
        for name in ("width", "depth", "components"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if not self.min_scale > 0:
            raise InputError(f"min_scale: expected more than 0, got {self.min_scale}")


class MixtureBC(LearnedPolicy):
    """Mixture of K Gaussians, `p(a | obs) = Σ_k w_k Π_i N(a_i; m_ki, s_ki²)`.

    It acts with the mean of the heaviest component and overlays the given values. With
    `condition`, a component's weight counts how well it explains them, which is the
    exact conditional of this density: `p(k | given) ∝ w_k Π_i∈given N(a_i; m_ki, s_ki²)`.

    Source: Bishop, Mixture Density Networks, 1994.

    Example:
        >>> config = MixtureBCConfig(width=8)
        >>> policy = MixtureBC(config, np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
        >>> policy.act(np.zeros(3), PartialAction([0.25, 0.0], [True, False])).tolist()[0]
        0.25
    """

    name: ClassVar[str] = "mixture_bc"
    Config: ClassVar[type] = MixtureBCConfig
    search_space = {"width": [128, 256, 512], "components": [3, 5, 10]}  # noqa: RUF012
    step_cost = 3
    weighs = True

    def __init__(self, config: MixtureBCConfig, *box: Any) -> None:
        super().__init__(config, *box)
        sizes = [self.obs_dim, *[config.width] * config.depth]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self._generator = torch.Generator()
        many = config.components * (1 + 2 * self.action_dim)
        self.network = nn.Sequential(*layers, nn.Linear(sizes[-1], many))
        with torch.no_grad():  # components start apart; otherwise they stay together
            start = torch.linspace(-0.5, 0.5, config.components).repeat_interleave(self.action_dim)
            first = config.components
            self.network[-1].bias[first : first + len(start)] = start

    def reset(self, seed: int | None = None) -> None:
        """Start an episode; `seed` decides what :meth:`sample` draws."""
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-weights `(B, K)`, means and log-scales `(B, K, D)`, in scaled actions."""
        return self.mixture(self.normalize(obs))

    def mixture(self, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same from a normalised observation `(B, O)`."""
        components, dim = self.config.components, self.action_dim
        parts = self.network(seen).split([components, components * dim, components * dim], -1)
        mean, raw = (part.unflatten(-1, (components, dim)) for part in parts[1:])
        floor = math.log(self.config.min_scale)
        return parts[0].log_softmax(-1), mean, floor + nn.functional.softplus(raw - floor)

    def draw(self, steps: Steps, generator: torch.Generator) -> dict[str, Tensor]:
        return {"obs": steps.obs, "action": steps.action}

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Negative log-likelihood of the action per dimension [nats]."""
        action = self.to_unit(batch["action"])
        log_prob = self.explained(action, torch.ones_like(action), *self(batch["obs"]))
        return -log_prob.logsumexp(-1).mean() / self.action_dim

    @torch.inference_mode()
    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """The mean of the heaviest component, combined with soft commands by their deviations."""
        device = self.obs_mean.device
        seen, values, given = (
            torch.tensor(part, device=device) for part in (obs, partial.values, partial.given)
        )
        if partial.std is None:
            return self.graph(seen, values, given).cpu().numpy()
        noise = (torch.tensor(partial.std, device=device) / self._half()).square().unsqueeze(-2)
        weight, mean, log_scale = self(seen)
        x, variance = self.to_unit(values), (2 * log_scale).exp()
        if self.config.condition:  # each dimension of a component is wider by its noise
            wide = (variance + noise).log() / 2
            weight = self.explained(x, given.to(x.dtype), weight, mean, wide)
        toward = variance / (variance + noise) * given.unsqueeze(-2)
        mean = mean + toward * (x.unsqueeze(-2) - mean)
        return self.from_unit(self._heaviest(weight, mean)).cpu().numpy()

    def graph(self, obs: Tensor, values: Tensor, given: Tensor) -> Tensor:
        weight, mean, log_scale = self(obs)
        if self.config.condition:
            x = self.to_unit(values)
            weight = self.explained(x, given.to(x.dtype), weight, mean, log_scale)
        return self.from_unit(self._heaviest(weight, mean))

    def _heaviest(self, weight: Tensor, mean: Tensor) -> Tensor:
        heaviest = weight.argmax(-1).view(-1, 1, 1).expand(-1, 1, self.action_dim)
        return mean.gather(1, heaviest).squeeze(1)

    @torch.inference_mode()
    def draw_rest(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """Draw a component by how well it explains the given values, then from its Gaussians."""
        device = self.obs_mean.device
        seen, x, mask = (
            torch.tensor(p, device=device) for p in (obs, partial.values, partial.given)
        )
        weight, mean, log_scale = self(seen)
        weight = self.explained(self.to_unit(x), mask.to(x), weight, mean, log_scale)
        chosen = torch.multinomial(weight.softmax(-1).cpu(), 1, generator=self._generator)
        index = chosen.to(device).unsqueeze(-1).expand(-1, 1, self.action_dim)
        noise = torch.randn(x.shape, generator=self._generator).to(x)
        drawn = mean.gather(1, index) + log_scale.gather(1, index).exp() * noise.unsqueeze(1)
        return self.from_unit(drawn.squeeze(1)).cpu().numpy()

    @torch.inference_mode()
    def log_prob(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        expect_rows(self, obs, partial)
        parts = (np.asarray(obs, np.float32), partial.values, partial.given)
        device = self.obs_mean.device
        seen, x, mask = (torch.tensor(np.atleast_2d(p), device=device) for p in parts)
        weight, mean, log_scale = self(seen)
        if partial.std is not None:
            mask = mask & torch.tensor(np.isfinite(np.atleast_2d(partial.std)), device=device)
            noise = torch.tensor(np.atleast_2d(partial.std), device=device) / self._half()
            noise = torch.where(mask, noise, 0).square().unsqueeze(-2)
            log_scale = ((2 * log_scale).exp() + noise).log() / 2
        log_prob = self.explained(self.to_unit(x), mask.to(x), weight, mean, log_scale)
        log_prob = log_prob.logsumexp(-1)
        stretch = (
            (self.action_high - self.action_low) / 2
        ).log()  # a density in the action's own units
        return (log_prob - (mask * stretch).sum(-1)).cpu().numpy().reshape(np.shape(obs)[:-1])

    def explained(
        self, x: Tensor, mask: Tensor, weight: Tensor, mean: Tensor, log_scale: Tensor
    ) -> Tensor:
        """`log w_k + log p_k(x at mask)`, `(B, K)`."""
        z = (x.unsqueeze(-2) - mean) * (-log_scale).exp()
        each = -0.5 * z * z - log_scale - 0.5 * math.log(2 * math.pi)
        return weight + (mask.unsqueeze(-2) * each).sum(-1)
