"""Training: one loop for every policy, resumable to the same weights."""

from mac_control.training.build import new_policy
from mac_control.training.config import TrainConfig
from mac_control.training.presets import SCALES, preset
from mac_control.training.trainer import train

__all__ = ["SCALES", "TrainConfig", "new_policy", "preset", "train"]
