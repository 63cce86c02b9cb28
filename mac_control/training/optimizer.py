"""AdamW, its schedule, averaged weights: one recipe for policies and density models."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Protocol

import torch
from torch import Tensor
from torch.optim import AdamW


class Schedule(Protocol):
    """What a training's settings say of the learning rate."""

    @property
    def lr(self) -> float: ...
    @property
    def warmup(self) -> int: ...
    @property
    def steps(self) -> int: ...


def adamw(
    matrices: Iterable[Tensor], vectors: Iterable[Tensor], lr: float, weight_decay: float
) -> AdamW:
    """The optimizer; only matrices decay."""
    return AdamW(
        [
            {"params": list(matrices), "weight_decay": weight_decay},
            {"params": list(vectors), "weight_decay": 0.0},
        ],
        lr=lr,
        betas=(0.9, 0.99),
        fused=True,
    )


def learning_rate(config: Schedule, step: int) -> float:
    """Learning rate of a step: linear up to `lr`, then a cosine down to 1 % of it."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


@torch.no_grad()
def average(means: Iterable[Tensor], params: Iterable[Tensor], ema: float, step: int) -> None:
    """Move averaged weights towards the weights; early on they forget faster."""
    decay = min(ema, (1 + step) / (10 + step)) if ema else 0.0
    torch._foreach_lerp_(list(means), list(params), 1 - decay)


def all_finite(loss: Tensor, params: Iterable[Tensor]) -> bool:
    """Whether the loss and every weight are finite."""
    whole = torch.stack([p.detach().isfinite().all() for p in params]).all()
    return bool(loss.isfinite().all() & whole)


def moments_of(optimizer: AdamW) -> dict[str, Tensor]:
    """The optimizer's moments by name, as `restore_moments` takes them."""
    return {
        f"optimizer/{index}/{name}": value
        for index, moments in optimizer.state_dict()["state"].items()
        for name, value in moments.items()
    }


def restore_moments(optimizer: AdamW, tensors: Mapping[str, Tensor]) -> None:
    """Take the moments that are among the tensors of a saved run."""
    whole = optimizer.state_dict()
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, index, name = key.split("/")
            whole["state"].setdefault(int(index), {})[name] = value
    optimizer.load_state_dict(whole)
