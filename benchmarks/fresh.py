"""Policies to measure: checkpoints, or untrained ones of their default size."""

from __future__ import annotations

import numpy as np
import torch

from mac_control.checkpoint import load_policy
from mac_control.plugins import POLICIES
from mac_control.policies import Policy, policy_class


def policy_of(name: str) -> Policy:
    """A checkpoint by its path, or an untrained kitchen policy by `bc`, `ibc` or `mac`."""
    if name not in POLICIES.installed():
        return load_policy(name)
    box = np.ones(9, np.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        cls = policy_class(name)
        return cls(cls.Config(), np.zeros(30), np.ones(30), -box, box).eval()
