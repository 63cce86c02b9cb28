"""Training settings, common to all policies."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import Literal, get_args

from mac_control.errors import InputError
from mac_control.ranges import expect_at_least
from mac_control.seeds import whole_seed

OPTIMIZERS = ("adamw", "schedule-free")
#: Which weights a run may save.
SelectBy = Literal["last", "validation", "rollouts"]


@dataclass(frozen=True)
class TrainConfig:
    """AdamW with warm-up, with or without a schedule, clipped gradients and averaged weights.

    Raises:
        InputError: a number out of range, or a device that this machine does not have.
    """

    steps: int = 6000
    """Gradient steps."""
    batch_size: int = 256
    """Demonstration steps in a batch, drawn with replacement."""
    optimizer: Literal["adamw", "schedule-free"] = "adamw"
    """adamw: AdamW with a cosine schedule and a moving average of the weights; schedule-free: AdamW
    that needs no schedule and averages the weights itself, so that training can end at any step."""
    lr: float = 1e-3
    """Peak learning rate, reached after the warm-up; with adamw a cosine lowers it to 1 %."""
    warmup: int = 200
    """Steps over which the learning rate rises from 0."""
    weight_decay: float = 1e-4
    """AdamW's decay of weight matrices."""
    clip: float = 1.0
    """Clip gradients to this L2 norm; 0: never."""
    ema: float = 0.999
    """adamw: decay of the exponential moving average of the weights that is saved; 0: none."""
    validation: float = 0.0
    """Share of the episodes held out for validation."""
    split_seed: int = 0
    """Seed that chooses the held-out episodes."""
    select_by: SelectBy = "last"
    """Which weights are saved: the last, or the best by validation loss or by rollouts."""
    check_every: int = 500
    """Steps between two checks of the validation loss or the rollouts."""
    patience: int = 0
    """Checks without a better result after which training stops; 0: never."""
    intervention_weight: float = 1.0
    """How often steps in which an operator intervened are drawn, relative to the other steps of
    partly driven episodes."""
    obs_noise: float = 0.0
    """Gaussian noise on training observations, in their standard deviations: for few
    demonstrations, and operators who take the robot elsewhere."""
    corrections: float = 0.0
    """Scale of joint displacements in half of the samples, labelled with corrections [rad, m]."""
    correction_gain: float = 0.8
    """Feedback gain of these corrections, as a share of the robot's."""
    save_seconds: float = 30.0
    """Time between two saves [s]."""
    device: str = "cpu"
    """Device to train on: cpu or cuda."""
    bf16: bool | None = None
    """Compute in bfloat16 where that is safe; None: where the machine has it and batches are large
    enough to gain from it. A machine without it computes in float32 regardless."""
    compile: bool = False
    """Compile the loss with torch.compile; on a CPU that needs a C++ compiler."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "split_seed", whole_seed(self.split_seed, "split_seed"))
        least = {"steps": 1, "batch_size": 1, "warmup": 0, "weight_decay": 0, "clip": 0}
        least |= {"check_every": 1, "patience": 0, "obs_noise": 0, "corrections": 0}
        expect_at_least(self, least | {"correction_gain": 0, "save_seconds": 0})
        if self.optimizer not in OPTIMIZERS:
            raise InputError(
                f"optimizer: expected one of {', '.join(OPTIMIZERS)}, got {self.optimizer!r}"
            )
        if not 0 < self.lr < float("inf"):
            raise InputError(f"lr: expected a positive number, got {self.lr}")
        if not 0 < self.intervention_weight < float("inf"):
            raise InputError(
                f"intervention_weight: expected a positive number, got {self.intervention_weight}"
            )
        if not 0 <= self.ema < 1:
            raise InputError(f"ema: expected a decay in [0, 1), got {self.ema}")
        if self.select_by not in (ways := get_args(SelectBy)):
            raise InputError(f"select_by: expected {' or '.join(ways)}, got {self.select_by!r}")
        if self.select_by == "validation" and self.validation == 0:
            raise InputError(
                "validation: expected a share to hold out with select_by=validation, got 0"
            )
        if self.patience and self.select_by == "last":
            raise InputError(
                "patience: expected select_by=validation or select_by=rollouts with it"
            )
        import torch

        from mac_control.training.arithmetic import require_device

        require_device(self.device)
        if self.compile and torch.device(self.device).type == "cpu" and not _compiler():
            raise InputError("compile: expected a C++ compiler (g++ or clang++, or CXX), got none")


def _compiler() -> str | None:
    names = (os.environ.get("CXX"), "g++", "clang++")
    return next((found for name in names if name and (found := shutil.which(name))), None)
