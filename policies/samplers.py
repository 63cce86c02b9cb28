"""Minimising an energy over actions, with some dimensions clamped.

An energy is a function from actions `(B, N, D)`, N candidates for each of B observations, to
`(B, N)`. Clamped dimensions come back bit for bit. Both samplers are those of Florence et al.,
Implicit Behavioral Cloning, CoRL 2021, arXiv 2109.00137.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Energy = Callable[[Tensor], Tensor]

#: A Langevin step moves no dimension further than this [action box of width 2].
_MOVE = 0.1


def gradient(energy: Energy, action: Tensor, create_graph: bool = False) -> Tensor:
    """`dE/da` `(B, N, D)` of each candidate."""
    with torch.enable_grad():
        action = action.detach().requires_grad_()
        return torch.autograd.grad(energy(action).sum(), action, create_graph=create_graph)[0]


def langevin(
    energy: Energy, action: Tensor, free: Tensor, noise: Tensor, step: float, move: float = _MOVE
) -> Tensor:
    """`a <- a - s_k (dE/da / 2 + noise_k)` in [-1, 1]; `s_k` falls as a parabola from `step` to 0.

    Args:
        energy: to minimise.
        action: `(B, N, D)`, where chains start.
        free: `(B, 1, D)` boolean; False is clamped.
        noise: `(K, B, N, D)`; K iterations.
        step: first step size.
        move: no dimension moves further than this in one iteration.
    """
    count = len(noise)
    for k, drawn in enumerate(noise):
        size = step * (1 - k / count) ** 2
        delta = size * (gradient(energy, action) / 2 + drawn)
        moved = (action - delta.clamp(-move, move)).clamp(-1, 1)
        action = torch.where(free, moved, action)
    return action


def derivative_free(
    energy: Energy,
    action: Tensor,
    free: Tensor,
    iterations: int,
    generator: torch.Generator,
    noise: float = 0.33,
    shrink: float = 0.5,
) -> Tensor:
    """Resample candidates by `softmax(-E)` and jitter them, with less and less noise.

    Args:
        energy: to minimise.
        action: `(B, N, D)`, first candidates.
        free: `(B, 1, D)` boolean; False is clamped.
        iterations: how often candidates are resampled.
        generator: on the CPU.
        noise: standard deviation of the first jitter.
        shrink: factor on it after each iteration.
    """
    for _ in range(iterations):
        weights = torch.softmax(-energy(action), -1).cpu()
        index = torch.multinomial(weights, action.shape[1], replacement=True, generator=generator)
        chosen = action.gather(1, index.to(action.device)[..., None].expand_as(action))
        jitter = noise * torch.randn(action.shape, generator=generator).to(action)
        action = torch.where(free, (chosen + jitter).clamp(-1, 1), action)
        noise *= shrink
    return action


def lowest(energy: Energy, action: Tensor) -> Tensor:
    """The candidate of least energy, `(B, D)`."""
    index = energy(action).argmin(1)
    return action[torch.arange(len(action), device=action.device), index]
