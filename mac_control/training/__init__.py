"""Training: one loop for every policy, resumable to the same weights."""

from typing import TYPE_CHECKING

from mac_control.lazy import lazily

if TYPE_CHECKING:
    from mac_control.training.build import new_policy
    from mac_control.training.config import TrainConfig
    from mac_control.training.presets import SCALES, preset
    from mac_control.training.trainer import train

__getattr__ = lazily(  # training loads torch
    __name__,
    {
        "SCALES": "presets",
        "TrainConfig": "config",
        "new_policy": "build",
        "preset": "presets",
        "train": "trainer",
    },
)

__all__ = ["SCALES", "TrainConfig", "new_policy", "preset", "train"]
