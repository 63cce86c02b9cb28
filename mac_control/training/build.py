"""Builds a new policy for demonstrations."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from mac_control.demonstrations import Demonstrations
from mac_control.moments import Moments
from mac_control.policies import LearnedPolicy, policy_class

#: An observed entry has half the weight where its jitter times this is its standard deviation.
JITTER = 10.0


def new_policy(
    name: str,
    demonstrations: Demonstrations,
    seed: int,
    config: Any = None,
) -> LearnedPolicy:
    """An untrained policy, normalised for these demonstrations, its weights drawn by `seed`.

    The action box is the robot's where the demonstrations name one; else [-1, 1] where all actions
    are within it, else the range of each dimension.

    Example:
        >>> from mac_control.demonstrations import Episode
        >>> episode = Episode(np.zeros((5, 3)), np.zeros((5, 2)))
        >>> policy = new_policy("bc", Demonstrations([episode]), seed=0)
        >>> policy.low.tolist(), policy.obs_std.min().item() > 0
        ([-1.0, -1.0], True)
    """
    cls = policy_class(name)
    found, robot = statistics(demonstrations), demonstrations.robot
    if robot is not None:
        low, high = robot.low, robot.high
    else:
        low, high = guessed_box(found.low, found.high)
    scale = observation_scale(found)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = cls.configured(cls.Config() if config is None else config, demonstrations)
        policy = cls(config, found.mean, scale, low, high, robot)
    policy.guessed_box = robot is None or bool(demonstrations.provenance.get("box"))
    policy.store_demonstrations(demonstrations)
    return policy


def guessed_box(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An action box for actions from `low` to `high` `(D,)`: [-1, 1] where it contains them."""
    if max(-low.min(), high.max()) <= 1:
        return -np.ones(len(low)), np.ones(len(high))
    # A dimension that never moves needs a width too.
    margin = 1e-3 * np.where(high > low, high - low, np.maximum(np.abs(high), 1.0))
    return low - margin, high + margin


def observation_scale(found: Statistics) -> np.ndarray:
    """The divisor of observations, `(O,)`; their units make no difference.

        scale = s / w,   w = g / max g,   g = 1 / (1 + (10 j / s)²)

    for the standard deviation s and the jitter j of each entry. An entry of pure noise has j = s,
    and gets a hundredth of the weight of one that moves smoothly: scaled to unit variance, noise
    would be what a policy fits in few demonstrations and then acts on. Where all entries jitter
    alike, as in steps without an order, all have weight 1. Entries that never change get
    practically none.

    Example:
        >>> ones = np.ones(2)
        >>> found = Statistics(ones, np.array([1.0, 0.001]), np.array([0.0, 0.001]), -ones, ones)
        >>> (found.std / observation_scale(found)).round(3).tolist()
        [1.0, 0.01]
    """
    still = found.std <= 1e-6 * np.abs(found.mean)
    ratio = found.jitter / np.where(still, 1.0, found.std)
    weight = 1 / (1 + (JITTER * ratio) ** 2)
    weight = weight / weight[~still].max(initial=1e-12)
    never = 1e6 * np.maximum(np.abs(found.mean), 1.0)
    return np.where(still, never, found.std / np.where(still, 1.0, weight))


class Statistics(NamedTuple):
    """Statistics of demonstrations, `(O,)` and `(D,)`."""

    mean: np.ndarray
    std: np.ndarray
    #: Standard deviation of the noise in observations, from second differences over time.
    jitter: np.ndarray
    #: Least and greatest action.
    low: np.ndarray
    high: np.ndarray


def statistics(demonstrations: Demonstrations) -> Statistics:
    """Mean, deviation and jitter of observations, and the range of actions.

    Read an episode at a time, so that large data never fill the memory. Jitter is
    `√(mean (x[t+1] - 2 x[t] + x[t-1])² / 6)`: the deviation of noise drawn anew at each step.

    Example:
        >>> from mac_control.demonstrations import Episode
        >>> parts = [Episode(np.array([[x], [x + 2]]), np.full((2, 1), x / 8)) for x in (0.0, 4.0)]
        >>> [part.tolist() for part in statistics(Demonstrations(parts))]
        [[3.0], [2.23606797749979], [0.0], [0.0], [0.5]]
    """
    found, bend, turns = Moments(), np.zeros(()), 0
    low, high = np.full((), np.inf), np.full((), -np.inf)
    for episode in demonstrations:
        obs = episode.observations.astype(np.float64)
        found.add(obs)
        second = np.diff(obs, n=2, axis=0)
        bend, turns = bend + (second**2).sum(0), turns + len(second)
        executed = episode.actions if episode.executed is None else episode.executed
        for actions in (episode.actions, executed):
            low, high = np.minimum(low, actions.min(0)), np.maximum(high, actions.max(0))
    jitter = np.sqrt(bend / (6 * max(turns, 1)))
    mean = found.mean
    return Statistics(mean, found.std, np.broadcast_to(jitter, mean.shape), low, high)
