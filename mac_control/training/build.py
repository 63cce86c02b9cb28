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

    The action box is the robot's where the demonstrations know it; else [-1, 1] where the actions
    lie in it, else the range of each dimension.

    Example:
        >>> from mac_control.demonstrations import Episode
        >>> episode = Episode(np.zeros((5, 3)), np.zeros((5, 2)))
        >>> policy = new_policy("bc", Demonstrations([episode]), seed=0)
        >>> policy.low.tolist(), policy.obs_std.min().item() > 0
        ([-1.0, -1.0], True)
    """
    cls = policy_class(name)
    mean, std, low, high = statistics(demonstrations)
    robot = demonstrations.robot
    if robot is not None:
        low, high = robot.low, robot.high
    elif max(-low.min(), high.max()) > 1:
        margin = np.maximum(1e-3, 1e-3 * (high - low))  # a dimension that never moves has a width
        low, high = low - margin, high + margin
    else:
        low, high = -np.ones(len(low)), np.ones(len(high))
    std = np.maximum(std, std_floor)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = cls.configured(cls.Config() if config is None else config, demonstrations)
        policy = cls(config, mean, std, low, high, robot)
    policy.store_demonstrations(demonstrations)
    return policy


def statistics(demonstrations: Demonstrations) -> tuple[np.ndarray, ...]:
    """Mean and standard deviation of observations, `(O,)`; least and greatest action, `(D,)`.

    An episode at a time, so that large data are never whole in memory: with n steps before and
    m new ones, `Σ(x - mean)²` grows by that of the new ones and `δ² n m / (n + m)`, δ the
    difference of the means (Chan et al. 1979).

    Example:
        >>> from mac_control.demonstrations import Episode
        >>> parts = [Episode(np.array([[x], [x + 2]]), np.full((2, 1), x / 8)) for x in (0.0, 4.0)]
        >>> [part.tolist() for part in statistics(Demonstrations(parts))]
        [[3.0], [2.23606797749979], [0.0], [0.5]]
    """
    count = 0
    mean, square = np.zeros(()), np.zeros(())
    low, high = np.full((), np.inf), np.full((), -np.inf)
    for episode in demonstrations:
        obs, new = episode.observations.astype(np.float64), len(episode)
        center = obs.mean(0)
        delta = center - mean
        square = square + ((obs - center) ** 2).sum(0) + delta**2 * count * new / (count + new)
        mean = mean + delta * new / (count + new)
        count += new
        executed = episode.actions if episode.executed is None else episode.executed
        for actions in (episode.actions, executed):
            low, high = np.minimum(low, actions.min(0)), np.maximum(high, actions.max(0))
    return mean, np.sqrt(square / count), low, high
