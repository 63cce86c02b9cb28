"""Univariate heads: distributions parametrised by a network's outputs for one dimension."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from mac_control.errors import InputError


class Head(ABC):
    """A family of univariate distributions with `size` parameters.

    Every method takes `params` `(..., P)` and computes in float32 (float64 stays float64),
    whatever autocast does around it. All logarithms are natural: nats.
    """

    size: int

    @abstractmethod
    def initial(self) -> Tensor:
        """Parameters `(P,)` at the start of training: the bias of the last layer."""

    @abstractmethod
    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        """Log-density (log-mass where the head is discrete) of `x` `(...)`."""

    @abstractmethod
    def sample(
        self, params: Tensor, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> Tensor:
        """One draw `(...)`; a `temperature` below 1 concentrates, 0 is the mode."""

    @abstractmethod
    def mode(self, params: Tensor) -> Tensor:
        """The densest value `(...)`; of Gaussians, the densest of their locations."""

    @abstractmethod
    def mean(self, params: Tensor) -> Tensor:
        """The expected value `(...)`."""

    @abstractmethod
    def std(self, params: Tensor) -> Tensor:
        """The standard deviation `(...)`."""

    @abstractmethod
    def entropy(self, params: Tensor) -> Tensor:
        """The (differential) entropy `(...)` [nats]."""

    def check(self, name: str, x: Tensor, mask: Tensor) -> None:
        """Raise an InputError where a value in `mask` is outside the support."""
        if not torch.isfinite(x[mask]).all():
            raise InputError(f"{name}: expected finite numbers where known, got one that is not")


class Categorical(Head):
    """One of `values`, with free probabilities: discrete variables.

    Example:
        >>> head = Categorical(values=[-1.0, 1.0])
        >>> float(head.mean(torch.tensor([0.0, 0.0])))
        0.0
    """

    def __init__(self, values: list[float]) -> None:
        if len(values) < 2 or len(set(values)) < len(values):
            raise InputError(f"values: expected at least two different numbers, got {values}")
        self.values, self.size = [float(v) for v in values], len(values)
        self._counting = self.values == [float(i) for i in range(len(values))]

    def initial(self) -> Tensor:
        return torch.zeros(self.size)

    def check(self, name: str, x: Tensor, mask: Tensor) -> None:
        super().check(name, x, mask)
        x = x[mask]
        if self._counting:
            fits = (x == x.round()) & (x >= 0) & (x < self.size)
        else:
            fits = (x.unsqueeze(-1) == x.new_tensor(self.values)).any(-1)
        if not fits.all():
            many = f"0, 1, ... {self.size - 1}"
            known = many if self._counting and self.size > 9 else self.values
            raise InputError(f"{name}: expected values out of {known}, got another")

    def log_prob(self, params: Tensor, x: Tensor) -> Tensor:
        logits, values = self._parts(params)
        if self._counting:  # symbols
            index = x.round().long().clamp(0, self.size - 1).unsqueeze(-1)
        else:
            index = (x.unsqueeze(-1) - values).abs().argmin(-1, keepdim=True)
        shape = torch.broadcast_shapes(logits.shape[:-1], index.shape[:-1])
        logits = logits.expand(*shape, -1)
        return logits.gather(-1, index.expand(*shape, 1)).squeeze(-1)

    def sample(
        self, params: Tensor, generator: torch.Generator | None = None, temperature: float = 1.0
    ) -> Tensor:
        if temperature == 0:
            return self.mode(params)
        logits, values = self._parts(params)
        return values[gumbel_argmax(logits / temperature, generator).squeeze(-1)]

    def mode(self, params: Tensor) -> Tensor:
        logits, values = self._parts(params)
        return values[logits.argmax(-1)]

    def mean(self, params: Tensor) -> Tensor:
        logits, values = self._parts(params)
        return (logits.exp() * values).sum(-1)

    def std(self, params: Tensor) -> Tensor:
        logits, values = self._parts(params)
        weight = logits.exp()
        mean = (weight * values).sum(-1, keepdim=True)
        return (weight * (values - mean) ** 2).sum(-1).sqrt()

    def entropy(self, params: Tensor) -> Tensor:
        logits = self._parts(params)[0]
        return -(logits.exp() * logits).sum(-1)

    def _parts(self, params: Tensor) -> tuple[Tensor, Tensor]:
        if params.dtype in (torch.float16, torch.bfloat16):
            params = params.float()
        return params.log_softmax(-1), params.new_tensor(self.values)


def uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Numbers in [0, 1) of the form of a tensor, drawn on the generator's device."""
    return _drawn(torch.rand, like, generator)


def normal(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers of the form of a tensor, drawn on the generator's device."""
    return _drawn(torch.randn, like, generator)


def _drawn(draw: Callable[..., Tensor], like: Tensor, generator: torch.Generator | None) -> Tensor:
    device = like.device if generator is None else generator.device
    return draw(like.shape, generator=generator, dtype=like.dtype, device=device).to(like)


def gumbel_argmax(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    """One index `(..., 1)` drawn with probabilities softmax(logits)."""
    u = uniform(logits, generator)
    return (logits - (-u.clamp_min(1e-20).log()).clamp_min(1e-20).log()).argmax(-1, keepdim=True)
