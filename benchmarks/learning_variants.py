"""Variants of the study of learning: networks, masks per sample, batches, rates, optimizers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from mac_control.training.run import Run


class Several:
    """Several optimizers as one."""

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer], scale: float = 1.0) -> None:
        self.optimizers = optimizers
        self.param_groups = [group for each in optimizers for group in each.param_groups]

    def zero_grad(self) -> None:
        for each in self.optimizers:
            each.zero_grad()

    def step(self) -> None:
        for each in self.optimizers:
            each.step()


def muon(run: Run) -> Any:
    """Muon (torch.optim) for hidden matrices, AdamW for the first and last layers and vectors.

    Its update has the size of AdamW's (`match_rms_adamw`), so they share a learning rate.
    """
    hidden: list[Tensor] = []
    others: list[Tensor] = []
    for name, param in run.params.items():
        inner = param.ndim == 2 and not any(end in name for end in ("enter", "leave.weight"))
        (hidden if inner else others).append(param)
    decay = run.config.weight_decay
    return Several(
        [
            torch.optim.Muon(hidden, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, betas=(0.9, 0.99), weight_decay=decay, fused=True),
        ]
    )


@dataclass(frozen=True)
class Variant:
    """A policy, changes of its configuration and of its training."""

    config: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    policy: str = "mac"
    muon: bool = False

    def adapted(self, run: Run) -> Run:
        """The run with its optimizer."""
        if self.muon:
            run.optimizer = muon(run)
        return run


def _mac(
    masks: int = 2, training: dict[str, Any] | None = None, muon: bool = False, **config
) -> Variant:
    was = {"width": 256, "layers": 2, "obs_width": 256, "obs_layers": 1, "targets": "all"}
    return Variant({**was, "masks": masks, **config}, training or {}, muon=muon)


_SCHEDULE_FREE = {"optimizer": "schedule-free", "lr": 3e-3}
_TRANSFORMER = {"network": "transformer", "width": 64}

#: Name -> variant. `mac as it was` states the defaults from before the study in full.
VARIANTS: dict[str, Variant] = {
    "mac as it was": _mac(8, training={"lr": 1e-3}),
    "mixture density": Variant({"condition": True}, policy="mixture_bc"),
    "masks 4": _mac(4),
    "masks 2": _mac(2),
    "masks 1": _mac(1),
    "masks 1 batch 256": _mac(1, training={"batch_size": 256}),
    "masks 1 batch 512": _mac(1, training={"batch_size": 512}),
    "masks 2 batch 64": _mac(2, training={"batch_size": 64}),
    "masks 2 batch 256": _mac(2, training={"batch_size": 256}),
    "masks 1 lr 2e-3": _mac(1, training={"lr": 2e-3}),
    "masks 2 lr 2e-3": _mac(2, training={"lr": 2e-3}),
    "masks 2 lr 4e-3": _mac(2, training={"lr": 4e-3}),
    "masks 2 lr 5e-4": _mac(2, training={"lr": 5e-4}),
    "masks 2 width 128": _mac(2, width=128, obs_width=128),
    "masks 2 width 128 obs 256": _mac(2, width=128),
    "masks 2 width 512": _mac(2, width=512, obs_width=512),
    "masks 2 layers 1": _mac(2, layers=1),
    "masks 2 layers 3": _mac(2, layers=3),
    "masks 2 obs layers 2": _mac(2, obs_layers=2),
    "masks 2 obs width 512": _mac(2, obs_width=512),
    "masks 2 next": _mac(2, targets="next"),
    "masks 2 muon": _mac(2, muon=True),
    "masks 2 muon lr 3e-3": _mac(2, {"lr": 3e-3}, muon=True),
    "masks 2 schedule-free": _mac(2, _SCHEDULE_FREE),
    "masks 2 schedule-free lr 6e-3": _mac(2, {**_SCHEDULE_FREE, "lr": 6e-3}),
    "masks 2 layers 1 lr 2e-3": _mac(2, layers=1, training={"lr": 2e-3}),
    "masks 1 layers 1 lr 2e-3": _mac(1, layers=1, training={"lr": 2e-3}),
    "masks 1 layers 1 batch 256 lr 2e-3": _mac(
        1, layers=1, training={"lr": 2e-3, "batch_size": 256}
    ),
    "masks 2 layers 1 schedule-free": _mac(2, _SCHEDULE_FREE, layers=1),
    "masks 1 layers 1 schedule-free": _mac(1, _SCHEDULE_FREE, layers=1),
    "masks 2 layers 1 width 128 obs 256 lr 3e-3": _mac(
        2, layers=1, width=128, training={"lr": 3e-3}
    ),
    "masks 2 layers 1 width 128 obs 256 lr 6e-3": _mac(
        2, layers=1, width=128, training={"lr": 6e-3}
    ),
    "masks 2 layers 1 width 128 obs 256 schedule-free": _mac(
        2, _SCHEDULE_FREE, layers=1, width=128
    ),
    "masks 2 layers 1 width 128 obs 256 schedule-free lr 6e-3": _mac(
        2, {**_SCHEDULE_FREE, "lr": 6e-3}, layers=1, width=128
    ),
    "mixture density lr 2e-3": Variant({"condition": True}, {"lr": 2e-3}, "mixture_bc"),
    "mixture density lr 4e-3": Variant({"condition": True}, {"lr": 4e-3}, "mixture_bc"),
    "transformer masks 2": _mac(2, **_TRANSFORMER),
    "transformer path": _mac(1, targets="path", **_TRANSFORMER),
}
