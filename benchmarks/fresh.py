"""Policies to measure: checkpoints, or untrained ones of their default size."""

from __future__ import annotations

import numpy as np
import torch

from mac_control.checkpoint import load_policy
from mac_control.partial import PartialAction
from mac_control.plugins import POLICIES
from mac_control.policies import MacPolicy, Policy, policy_class


def policy_of(name: str, dim: int = 9, obs_dim: int = 30) -> Policy:
    """A checkpoint by its path, or an untrained policy by `bc`, `ibc`, `diffusion` or `mac`."""
    if name not in POLICIES.names():
        return load_policy(name)
    box = np.ones(dim, np.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        cls = policy_class(name)
        return cls(cls.Config(), np.zeros(obs_dim), np.ones(obs_dim), -box, box).eval()


class InTorch(Policy):
    """MAC acting through torch, as it once did and still does on a GPU."""

    def __init__(self, policy: MacPolicy) -> None:
        self.name, self.obs_dim, self.low, self.high = (
            "mac",
            policy.obs_dim,
            policy.low,
            policy.high,
        )
        self._policy = policy

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        return self._policy.complete_rows(obs, partial)
