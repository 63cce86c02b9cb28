"""Mixture heads: of Gaussians, and of discretised logistics with mass at the ends of a box."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mac_control.engine.heads import Head, gumbel_argmax, normal, uniform
from mac_control.errors import InputError

_LOG_2PI = math.log(2 * math.pi)
CEILING = 15.0  # of a log-scale, so that a variance still fits a float32


class _Mixture(Head):
    """Base of mixtures of location-scale families: K weights, means and log-scales."""

    def __init__(self, components: int, min_scale: float) -> None:
        if components < 1:
            raise InputError(f"components: expected at least 1, got {components}")
        if not min_scale > 0:
            raise InputError(f"min_scale: expected more than 0, got {min_scale}")
        self.components, self.size = components, 3 * components
        self.floor = math.log(min_scale)

    def initial(self) -> Tensor:
        locs = torch.linspace(-1, 1, self.components) if self.components > 1 else torch.zeros(1)
        zeros = torch.zeros(self.components)
        return torch.cat([zeros, locs, zeros - 1.0])

    def _split(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-weights, locations and log-scales, each `(..., K)`."""
        logits, loc, raw = _at_least_float32(params).chunk(3, dim=-1)
        # Approaches the floor smoothly; far above it, a log-scale equals its raw value.
        log_scale = self.floor + F.softplus(raw.clamp(max=CEILING) - self.floor)
        return logits.log_softmax(-1), loc, log_scale

    def affine(self, params: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        """Parameters of `shift + scale · X` where `params` are those of X (above the floor)."""
        logits, loc, raw = params.chunk(3, dim=-1)
        scale = scale.unsqueeze(-1)
        return torch.cat([logits, shift.unsqueeze(-1) + scale * loc, raw + scale.log()], -1)

    def _cooled(self, log_weight: Tensor, log_scale: Tensor, temperature: float) -> Tensor:
        # As in p(x)^(1/T) of components that do not overlap: w^(1/T) scale^(1 - 1/T) each.
        return log_weight / temperature + (1 - 1 / temperature) * log_scale

    def mode(self, params: Tensor) -> Tensor:
        values = self._split(params)[1]
        density = self.log_prob(params.unsqueeze(-2), values)
        return values.gather(-1, density.argmax(-1, keepdim=True)).squeeze(-1)


class GaussianMixture(_Mixture):
    """Mixture of K Gaussians, `p(x) = Σ_k w_k N(x; m_k, s_k²)`.

    Args:
        components: K.
        min_scale: no component is narrower; bounds the likelihood where values repeat exactly.

    Example:
        >>> head = GaussianMixture(components=1)
        >>> params = torch.tensor([0.0, 0.5, 0.0])  # one component at 0.5 of scale ~1
        >>> float(head.mean(params)), round(float(head.log_prob(params, torch.tensor(0.5))), 2)
        (0.5, -0.93)
    """

    def __init__(self, components: int = 5, min_scale: float = 0.01) -> None:
        super().__init__(components, min_scale)

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        log_weight, loc, log_scale = self._split(params)
        z = (x.unsqueeze(-1) - loc) * (-log_scale).exp()
        return (log_weight - 0.5 * z * z - log_scale).logsumexp(-1) - 0.5 * _LOG_2PI

    def sample(
        self, params: Tensor, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> Tensor:
        if temperature == 0:
            return self.mode(params)
        log_weight, loc, log_scale = self._split(params)
        k = gumbel_argmax(self._cooled(log_weight, log_scale, temperature), generator)
        loc, scale = loc.gather(-1, k).squeeze(-1), log_scale.gather(-1, k).squeeze(-1).exp()
        return loc + math.sqrt(temperature) * scale * normal(loc, generator)

    def mean(self, params: Tensor) -> Tensor:
        logits, loc, _ = _at_least_float32(params).chunk(3, dim=-1)
        return (logits.softmax(-1) * loc).sum(-1)

    def std(self, params: Tensor) -> Tensor:
        log_weight, loc, log_scale = self._split(params)
        weight = log_weight.exp()
        mean = (weight * loc).sum(-1, keepdim=True)
        return (weight * ((2 * log_scale).exp() + (loc - mean) ** 2)).sum(-1).sqrt()

    def entropy(self, params: Tensor) -> Tensor:
        # Trapezoids on nodes as dense as each component needs: a narrow one may be in a wide one.
        _, loc, log_scale = self._split(params)
        node = torch.linspace(-7, 7, 57, dtype=loc.dtype, device=loc.device)
        x = loc.unsqueeze(-1) + log_scale.exp().unsqueeze(-1) * node  # (..., K, Q)
        x = x.flatten(-2).sort(-1).values
        log_prob = self.log_prob(params.unsqueeze(-2), x)
        return -torch.trapezoid(log_prob.exp() * log_prob, x)


class LogisticMixture(_Mixture):
    """Mixture of K logistics on `levels` equally spaced values of a box, ends included.

    The outermost levels include the tails, so they are atoms: many D4RL actions are at the ends of
    their box, where a density without atoms grows without bound. `log_prob` is
    the log-mass of the level nearest to `x`.

    Args:
        components: K.
        low, high: ends of the box.
        levels: number of values, at least 2.
        min_scale: no component is narrower.

    Example:
        >>> head = LogisticMixture(components=2, levels=11)
        >>> x = torch.linspace(-1, 1, 11)
        >>> mass = head.log_prob(head.initial().expand(11, -1), x).exp()
        >>> round(float(mass.sum()), 5)
        1.0
    """

    def __init__(
        self,
        components: int = 5,
        low: float = -1.0,
        high: float = 1.0,
        levels: int = 256,
        min_scale: float = 0.003,
    ) -> None:
        super().__init__(components, min_scale)
        if not (low < high and levels >= 2):
            raise InputError(
                f"low, high, levels: expected low < high and at least 2 levels, "
                f"got {low}, {high}, {levels}"
            )
        self.low, self.high, self.levels = float(low), float(high), levels
        self.width = (self.high - self.low) / (levels - 1)

    def check(self, name: str, x: Tensor, mask: Tensor) -> None:
        super().check(name, x, mask)
        x = x[mask]
        if ((x < self.low) | (x > self.high)).any():
            raise InputError(
                f"{name}: expected values in [{self.low:g}, {self.high:g}], "
                f"got {x.min().item():g} to {x.max().item():g}"
            )

    def quantise(self, x: Tensor) -> Tensor:
        """The level nearest to `x`."""
        return self.low + self.width * ((x - self.low) / self.width).round().clamp(
            0, self.levels - 1
        )

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        log_weight, loc, log_scale = self._split(params)
        x = self.quantise(x).unsqueeze(-1)
        inverse = (-log_scale).exp()
        upper = (x + self.width / 2 - loc) * inverse
        lower = (x - self.width / 2 - loc) * inverse
        # sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u)): no cancellation.
        between = F.logsigmoid(upper) + F.logsigmoid(-lower) + _log1mexp(self.width * inverse)
        half = self.width / 2
        mass = torch.where(
            x < self.low + half,
            F.logsigmoid(upper),
            torch.where(x > self.high - half, F.logsigmoid(-lower), between),
        )
        return (log_weight + mass).logsumexp(-1)

    def sample(
        self, params: Tensor, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> Tensor:
        if temperature == 0:
            return self.mode(params)
        log_weight, loc, log_scale = self._split(params)
        k = gumbel_argmax(self._cooled(log_weight, log_scale, temperature), generator)
        loc, scale = loc.gather(-1, k).squeeze(-1), log_scale.gather(-1, k).squeeze(-1).exp()
        if temperature == 1:
            u = uniform(loc, generator).clamp(1e-6, 1 - 1e-6)
            z = u.log() - (-u).log1p()
        else:  # p^(1/T) of a logistic: the log-odds of a Beta(1/T, 1/T), here of two Gammas
            z = _log_gamma(loc, 1 / temperature, generator)
            z = z - _log_gamma(loc, 1 / temperature, generator)
        return self.quantise(loc + scale * z)

    def mode(self, params: Tensor) -> Tensor:
        # Over all levels: where components overlap, the mode may be between their locations.
        return self._values(params)[self._masses(params).argmax(-1)]

    def mean(self, params: Tensor) -> Tensor:
        return (self._masses(params) * self._values(params)).sum(-1)

    def std(self, params: Tensor) -> Tensor:
        mass, value = self._masses(params), self._values(params)
        mean = (mass * value).sum(-1, keepdim=True)
        return (mass * (value - mean) ** 2).sum(-1).sqrt()

    def entropy(self, params: Tensor) -> Tensor:
        mass = self._masses(params)
        return -torch.special.xlogy(mass, mass).sum(-1)

    def _values(self, params: Tensor) -> Tensor:
        dtype = torch.float64 if params.dtype == torch.float64 else torch.float32
        return torch.linspace(self.low, self.high, self.levels, dtype=dtype, device=params.device)

    def _masses(self, params: Tensor) -> Tensor:
        """Mass of every level, `(..., levels)`."""
        log_weight, loc, log_scale = self._split(params)
        edges = self._values(params)[:-1] + self.width / 2  # (levels - 1,)
        z = (edges - loc.unsqueeze(-1)) * (-log_scale).exp().unsqueeze(-1)
        below = (log_weight.exp().unsqueeze(-1) * z.sigmoid()).sum(-2)  # mixture's CDF
        mass = F.pad(F.pad(below, (0, 1), value=1.0).diff(dim=-1), (1, 0)) + F.pad(
            below[..., :1], (0, self.levels - 1)
        )
        return mass.clamp_min(0)  # where weights add up to more than 1 by rounding


#: Name in a configuration -> head with K components on a box [-1, 1].
HEADS = {"gaussian": GaussianMixture, "logistic": LogisticMixture}


def _log1mexp(a: Tensor) -> Tensor:
    """log(1 - exp(-a)) for a > 0, accurate at both ends."""
    # The unused branch gets a harmless number, else its gradient would be NaN times 0.
    small, large = a.clamp(max=0.7), a.clamp(min=0.6)
    return torch.where(a < 0.65, (-torch.expm1(-small)).log(), torch.log1p(-torch.exp(-large)))


def _at_least_float32(params: Tensor) -> Tensor:
    return params.float() if params.dtype in (torch.float16, torch.bfloat16) else params


def _log_gamma(like: Tensor, shape: float, generator: torch.Generator | None) -> Tensor:
    """Logarithms of draws from Gamma(shape, 1), in the form of `like`; also for small shapes."""
    # Gamma(a) is Gamma(a + 1) · U^(1 / a), which in logarithms does not underflow.
    device = like.device if generator is None else generator.device
    more = torch.full(like.shape, shape + 1, dtype=torch.float64, device=device)
    drawn = torch._standard_gamma(more, generator=generator).log().to(like)
    return drawn + uniform(like, generator).clamp_min(1e-30).log() / shape
