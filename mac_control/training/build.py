"""A new policy for given demonstrations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mac_control.demonstrations import Demonstrations
from mac_control.policies import LearnedPolicy, policy_class

#: Least standard deviation that observations are normalised by [rad, m]. Blowing up what hardly
#: moves costs much: with 0.01 half the episodes leave the demonstrations within the first second.
STD_FLOOR = 0.05


def new_policy(
    name: str,
    demonstrations: Demonstrations,
    seed: int,
    config: Any = None,
    std_floor: float = STD_FLOOR,
) -> LearnedPolicy:
    """An untrained policy, normalised for these demonstrations, its weights drawn by `seed`.

    The action box is [-1, 1] where the actions lie in it, else the range of each dimension.

    Example:
        >>> from mac_control.demonstrations import Episode
        >>> episode = Episode(np.zeros((5, 3)), np.zeros((5, 2)))
        >>> policy = new_policy("bc", Demonstrations([episode]), seed=0)
        >>> policy.low.tolist(), policy.obs_std.min().item() > 0
        ([-1.0, -1.0], True)
    """
    cls = policy_class(name)
    obs = demonstrations.observations.astype(np.float64)
    actions = np.concatenate([demonstrations.actions, demonstrations.executed])
    low, high = -np.ones(actions.shape[1]), np.ones(actions.shape[1])
    if np.abs(actions).max() > 1:
        low, high = actions.min(0), actions.max(0)
        margin = np.maximum(1e-3, 1e-3 * (high - low))  # a dimension that never moves has a width
        low, high = low - margin, high + margin
    std = np.maximum(obs.std(0), std_floor)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cls(cls.Config() if config is None else config, obs.mean(0), std, low, high)
