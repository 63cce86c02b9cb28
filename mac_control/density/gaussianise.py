"""Transforms each column to a standard normal, so that only their dependence is left to learn."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mac_control.errors import InputError

_LOG_2PI = math.log(2 * math.pi)


class Gaussianise(nn.Module):
    """`z = Φ⁻¹(F(x))`, column by column, F a mixture of Gaussians fitted to the column.

    `shrink` keeps tails in bounds: F includes, with that weight, a Gaussian with the column's mean
    and twice its variance.

    Args:
        dim: D.
        components: components of each column's mixture; 0: columns are only standardised.

    Example:
        >>> x = -torch.rand(2000, 2, generator=torch.Generator().manual_seed(0)).log()
        >>> bend = Gaussianise(2, components=8).fit(x)
        >>> z, slope = bend(x)
        >>> bool((z.std(0) - 1).abs().max() < 0.1), bool((bend.inverse(z) - x).abs().max() < 1e-3)
        (True, True)
    """

    mean: Tensor
    std: Tensor
    weights: Tensor
    locs: Tensor
    scales: Tensor

    def __init__(self, dim: int, components: int = 0) -> None:
        super().__init__()
        if components < 0:
            raise InputError(f"bend: expected at least 0 components, got {components}")
        self.components = components
        k = components + 1 if components else 1  # the last one is wide
        # In float64, as columns are read: what sets numbers apart may be small beside their mean.
        self.register_buffer("mean", torch.zeros(dim, dtype=torch.float64))
        self.register_buffer("std", torch.ones(dim, dtype=torch.float64))
        self.register_buffer("weights", torch.full((dim, k), 1.0 / k))
        self.register_buffer("locs", torch.zeros(dim, k))
        self.register_buffer("scales", torch.ones(dim, k))

    @torch.no_grad()
    def fit(
        self, x: Tensor, steps: int = 200, floor: float = 0.05, shrink: float = 0.02
    ) -> Gaussianise:
        """Fit to rows `(N, D)` by expectation maximisation, all columns at once."""
        x = x.double()
        x = x[torch.linspace(0, len(x) - 1, min(len(x), 20_000)).long()]
        mean, std = x.mean(0), x.std(0)
        std = torch.where(std > 1e-12 * mean.abs(), std, 1.0)  # not what rounding leaves
        self.mean.copy_(mean)
        self.std.copy_(std)
        if not self.components:
            return self
        z = ((x - mean) / std).unsqueeze(-1)  # (N, D, 1)
        k = self.components
        locs = z.squeeze(-1).quantile((torch.arange(k).double() + 0.5) / k, dim=0).T  # (D, K)
        scales, weights = torch.full_like(locs, 1.0 / math.sqrt(k)), torch.full_like(locs, 1.0 / k)
        for _ in range(steps):
            log = weights.log() - scales.log() - 0.5 * ((z - locs) / scales) ** 2
            share = log.softmax(-1)  # (N, D, K)
            total = share.sum(0).clamp_min(1e-8)
            weights = (total + 0.5) / (total + 0.5).sum(-1, keepdim=True)
            locs = (share * z).sum(0) / total
            var = (share * (z - locs) ** 2).sum(0) / total
            scales = var.sqrt().clamp_min(floor)
        wide = weights.new_tensor([shrink]).expand(len(weights), 1)
        self.weights = torch.cat([(1 - shrink) * weights, wide], 1).float()
        self.locs = torch.cat([locs, torch.zeros_like(wide)], 1).float()
        self.scales = torch.cat([scales, torch.full_like(wide, math.sqrt(2))], 1).float()
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`z` `(B, D)` and `log |dz/dx|` `(B, D)`, both float32."""
        z = (x.double() - self.mean) / self.std
        bent, slope = self._bend(z) if self.components else (z, torch.zeros_like(z))
        return bent.float(), (slope - self.std.log()).float()

    def inverse(self, z: Tensor) -> Tensor:
        """`x` float64 from `z`, by bisection."""
        z = z.double()
        if self.components:
            low, high = torch.full_like(z, -60.0), torch.full_like(z, 60.0)
            for _ in range(60):
                middle = (low + high) / 2
                below = self._bend(middle)[0] < z
                low, high = torch.where(below, middle, low), torch.where(below, high, middle)
            z = (low + high) / 2
        return z * self.std + self.mean

    def _bend(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised columns made normal, and the log slope of that."""
        z = z.unsqueeze(-1)
        loc, scale, weight = (t.double() for t in (self.locs, self.scales, self.weights))
        unit = (z - loc) / scale
        # ndtr itself is rounded as numbers near 1 are, and so 0 from -8.3 on.
        low, high = torch.special.log_ndtr(unit).exp(), torch.special.log_ndtr(-unit).exp()
        below, above = (weight * low).sum(-1), (weight * high).sum(-1)
        # From the nearer end: 1 - p has no digits left where p is close to 1.
        lower = torch.special.ndtri(below.clamp(1e-300, 0.5))
        bent = torch.where(below < 0.5, lower, -torch.special.ndtri(above.clamp(1e-300, 0.5)))
        log_density = (weight.log() - scale.log() - 0.5 * unit**2).logsumexp(-1)
        return bent, log_density + 0.5 * bent**2
