"""AdamW, its schedule, averaged weights: one recipe for policies and density models."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

from mac_control.errors import MacControlError

#: Decay of the running means of gradients and of their squares.
BETAS = (0.9, 0.99)
#: Counters that `schedule_free` keeps besides its tensors.
_COUNTERS = {"k", "weight_sum", "lr_max"}


class Schedule(Protocol):
    """The training settings that determine the learning rate."""

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
    groups = _groups(matrices, vectors, weight_decay)
    return AdamW(groups, lr=lr, betas=BETAS, fused=True)


def schedule_free(
    matrices: Iterable[Tensor], vectors: Iterable[Tensor], lr: float, weight_decay: float
) -> Optimizer:
    """AdamW that averages the weights itself, and needs no schedule except a warm-up.

    Source: Defazio et al., The Road Less Scheduled, 2024, arXiv 2405.15682; the package
    schedulefree.
    """
    from schedulefree import AdamWScheduleFree

    groups = _groups(matrices, vectors, weight_decay)
    optimizer: Optimizer = AdamWScheduleFree(groups, lr=lr, betas=BETAS)
    optimizer.train()  # type: ignore[attr-defined]
    return optimizer


def _groups(
    matrices: Iterable[Tensor], vectors: Iterable[Tensor], weight_decay: float
) -> list[dict[str, Any]]:
    return [
        {"params": list(matrices), "weight_decay": weight_decay},
        {"params": list(vectors), "weight_decay": 0.0},
    ]


def means_of(optimizer: Optimizer, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The averaged weights of `schedule_free`; its gradients are taken at other weights."""
    beta = optimizer.param_groups[0]["betas"][0]
    return {
        name: param.detach().lerp(
            optimizer.state.get(param, {}).get("z", param.detach()), 1 - 1 / beta
        )
        for name, param in params.items()
    }


def learning_rate(config: Schedule, step: int) -> float:
    """Learning rate of a step: linear up to `lr`, then a cosine down to 1 % of it."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


@torch.no_grad()
def average(means: Iterable[Tensor], params: Iterable[Tensor], ema: float, step: int) -> None:
    """Move averaged weights towards the weights; early on, faster."""
    decay = min(ema, (1 + step) / (10 + step)) if ema else 0.0
    torch._foreach_lerp_(list(means), list(params), 1 - decay)


def require_finite(state: str, loss: Tensor, params: Iterable[Tensor], lr: float) -> None:
    """Stop before anything that is not finite is saved; `state` begins the error message.

    Raises:
        MacControlError: the loss or a weight is not finite.
    """
    whole = torch.stack([p.detach().isfinite().all() for p in params]).all()
    if not bool(loss.isfinite().all() & whole):
        raise MacControlError(
            f"{state}, expected finite numbers; what was saved before is kept; a lower lr "
            f"(now {lr}) may help, in another folder (--out)"
        )


def moments_of(optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimizer's moments by name, as `restore_moments` takes them."""
    moments = {
        f"optimizer/{index}/{name}": value
        for index, moments in optimizer.state_dict()["state"].items()
        for name, value in moments.items()
    }
    counters = {
        f"optimizer-group/{index}/{name}": torch.tensor(group[name], dtype=torch.float64)
        for index, group in enumerate(optimizer.param_groups)
        for name in _COUNTERS
        if name in group
    }
    return moments | counters


def restore_moments(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore the moments among the tensors of a saved run."""
    whole = optimizer.state_dict()
    for key, value in tensors.items():
        if key.startswith("optimizer/"):
            _, index, name = key.split("/")
            whole["state"].setdefault(int(index), {})[name] = value
    optimizer.load_state_dict(whole)
    for index, group in enumerate(optimizer.param_groups):
        for name in _COUNTERS & group.keys():
            group[name] = type(group[name])(tensors[f"optimizer-group/{index}/{name}"].item())
