"""Plays whole episodes in parallel: the policy explores while operators drive."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor

from mac_control.envs.checked import Checked, attribute_errors
from mac_control.envs.shared_autonomy import executable
from mac_control.errors import InputError, MacControlError
from mac_control.operators import Operator
from mac_control.partial import PartialAction
from mac_control.practice.explore import Explorer

#: Further inputs of the critic, besides obs, mask and given values: time and reward so far.
EXTRA = 2


@dataclass(frozen=True)
class Played:
    """Steps of several episodes, one episode after another, `(N, ...)` each.

    `x` is the whole action in units of the box, as drawn; `seen` is the critic's input; `rewards`
    and `lasts` are the reward of each step, and whether it ended its episode.
    """

    obs: Tensor
    x: Tensor
    given: Tensor
    seen: Tensor
    rewards: np.ndarray
    lasts: np.ndarray
    totals: list[float]


@dataclass(frozen=True)
class Earned:
    """The reward of a step: the environment's, or by the operator's own goal.

    Args:
        score: `rewards`, or `goal_rewards`: 1 for each subtask done that is in the goal, where
            the operator has a goal and the environment reports subtasks.
        unwanted: cost of each other subtask done.

    Example:
        >>> from types import SimpleNamespace
        >>> cook, seen = SimpleNamespace(goal=("kettle",)), {"tasks_done": ("kettle", "light")}
        >>> Earned("goal_rewards", 0.25).by(cook, (), seen, 2.0)
        0.75
        >>> Earned().by(cook, (), seen, 2.0)
        2.0
    """

    score: str = "rewards"
    unwanted: float = 0.0

    def by(
        self, operator: Operator, before: Collection[str], info: dict[str, Any], reward: float
    ) -> float:
        """Reward of a step with this `info`; the subtasks `before` were done earlier."""
        if self.score == "rewards" or operator.goal is None or "tasks_done" not in info:
            return reward
        new = set(info["tasks_done"]) - set(before)
        wanted = len(new & set(operator.goal))
        return wanted - self.unwanted * (len(new) - wanted)


def play(
    envs: Sequence[gymnasium.Env],
    operators: Sequence[Operator],
    explorer: Explorer,
    seeds: Sequence[int],
    generator: torch.Generator,
    each: Callable[..., Iterable[Any]] = map,
    earned: Earned = Earned(),
) -> Played:
    """One episode in each environment, each with its own operator.

    `each` is `map`, or that of a thread pool, and steps the environments.
    """
    policy, count = explorer.policy, len(envs)
    checked = [Checked(env) for env in envs]
    obs = [env.reset(seed=seed)[0] for env, seed in zip(checked, seeds, strict=True)]
    for operator, seed in zip(operators, seeds, strict=True):
        with attribute_errors("operator", operator, f"at the reset of seed {seed}"):
            operator.reset(seed)
    noise = explorer.start(count, generator)
    parts: list[list[tuple[Any, ...]]] = [[] for _ in envs]
    totals, alive, step = [0.0] * count, list(range(count)), 0
    partials = [PartialAction.nothing(policy.action_dim)] * count
    done: list[Collection[str]] = [()] * count
    while alive:
        for i in alive:
            with attribute_errors("operator", operators[i], f"at step {step} of seed {seeds[i]}"):
                partials[i] = _exact(operators[i].read(obs[i].copy()), policy.action_dim)
        # Finished episodes keep their last obs: a belief needs all rows.
        every = np.clip(np.stack([p.values for p in partials]), policy.low, policy.high)
        whole = PartialAction(every, np.stack([p.given for p in partials]))
        seen = explorer.see(np.stack(obs), whole)[alive]
        values, given = every[alive], torch.tensor(whole.given[alive])
        unit = policy.to_unit(torch.tensor(values)).clamp(-1, 1)
        x = explorer.draw(seen, unit, given, noise[:, alive])
        if not x.isfinite().all():
            raise MacControlError(
                f"policy: expected finite actions, got some that are not at step {step} of an "
                "episode of practice; a lower lr may help"
            )
        filled = policy.from_unit(x.clamp(-1, 1)).numpy()
        actions = np.where(given.numpy(), values, filled)
        playing = [checked[i] for i in alive]
        for row, (i, result) in enumerate(
            zip(list(alive), each(_step, playing, actions), strict=True)
        ):
            before = (step / 1000, totals[i])
            obs[i], reward, ended, late, info = result
            reward = earned.by(operators[i], done[i], info, reward)
            done[i] = info.get("tasks_done", ())
            totals[i] += reward
            parts[i].append((seen[row], x[row], given[row], before, reward, ended or late))
            if ended or late:
                alive.remove(i)
        noise, step = explorer.next(noise, generator), step + 1
    columns = list(zip(*(part for own in parts for part in own), strict=True))
    seen, x, given = (torch.stack(column) for column in columns[:3])
    critic = [seen.clamp(-5, 5), given.float(), x.clamp(-1, 1) * given, torch.tensor(columns[3])]
    return Played(
        seen,
        x,
        given,
        torch.cat([part.float() for part in critic], 1),
        np.array(columns[4], np.float32),
        np.array(columns[5], bool),
        totals,
    )


def _step(env: Checked, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
    assert isinstance(env.action_space, gymnasium.spaces.Box)
    return env.step(executable(env.action_space, action))


def _exact(partial: PartialAction, dim: int) -> PartialAction:
    if partial.values.shape != (dim,):
        raise InputError(f"expected {dim} values, got shape {partial.values.shape}")
    if partial.std is not None and partial.std.any():
        raise InputError("expected exact commands, as practice knows no other, got a deviation")
    return partial


def advantages(
    rewards: np.ndarray, values: np.ndarray, lasts: np.ndarray, discount: float, trace: float
) -> np.ndarray:
    """Generalised advantage estimates `(N,)` of whole episodes, one after another.

        A_t = δ_t + γλ A_{t+1},   δ_t = r_t + γ V_{t+1} - V_t,   and V = A = 0 after a last step

    Source: Schulman et al., High-Dimensional Continuous Control Using Generalized Advantage
    Estimation, ICLR 2016, arXiv 1506.02438.

    Example:
        >>> ones, lasts = np.ones(3, np.float32), np.array([False, False, True])
        >>> advantages(ones, 0 * ones, lasts, 0.5, 1.0).tolist()
        [1.75, 1.5, 1.0]
    """
    found = np.zeros(len(rewards), np.float32)
    following, value = 0.0, 0.0
    for t in range(len(rewards) - 1, -1, -1):
        if lasts[t]:
            following = value = 0.0
        following = rewards[t] + discount * value - values[t] + discount * trace * following
        found[t], value = following, values[t]
    return found
