"""Demonstrations of the scripted expert, disturbed by noise that it corrects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mac_control.collection.noise import ActionNoise, check_disturbance
from mac_control.demonstrations import Episode
from mac_control.envs.kitchen.data import D4RL_NOISE
from mac_control.envs.kitchen.env import KitchenEnv, make_kitchen
from mac_control.envs.kitchen.expert import ScriptedExpert
from mac_control.envs.kitchen.robot import KITCHEN_TASKS, ROBOTS, SUBTASKS
from mac_control.envs.kitchen.skills import achieved
from mac_control.errors import InputError
from mac_control.robot import Robot
from mac_control.seeds import whole_seed

#: Name of an order of subtasks -> the subtasks that are rewarded, the largest number of steps.
ORDERS: dict[str, tuple[tuple[str, ...], int]] = {
    "complete": (KITCHEN_TASKS["complete"], 280),
    "mixed": (KITCHEN_TASKS["mixed"], 280),
    "play": (SUBTASKS, 560),
}
#: Subtasks in an episode of `mixed`.
MIXED = 4


@dataclass(frozen=True)
class Collection:
    """How episodes are collected.

    Args:
        orders: `complete`: microwave, kettle, light switch, slide cabinet; `mixed`: four of the
            seven in random order, while a fixed four are rewarded whether they are done or not;
            `play`: all seven in random order.
        noise: largest step of the AR(1) noise injected on random subsets of dimensions, in
            action units; the expert's corrections are what is learnt.
        clean: share of the episodes without noise.
        init_noise: arm joints start uniformly within this of the usual pose [rad].
        attempts: most simulations of an episode, each with other noise, until all its subtasks are
            done.

    Raises:
        InputError: an unknown name, or a number out of range.
    """

    orders: str = "complete"
    noise: float = 0.12
    clean: float = 0.1
    init_noise: float = 0.05
    attempts: int = 3

    def __post_init__(self) -> None:
        if self.orders not in ORDERS:
            raise InputError(f"orders: expected one of {', '.join(ORDERS)}, got {self.orders!r}")
        check_disturbance(self.noise, self.clean, self.attempts)
        if not (np.isfinite(self.init_noise) and self.init_noise >= 0):
            raise InputError(
                f"init_noise: expected a finite number of at least 0, got {self.init_noise}"
            )

    @property
    def robot(self) -> Robot:
        """The robot that is driven."""
        return ROBOTS["positions"]

    def about(self, made_by: str) -> dict[str, Any]:
        """Provenance of a data set of such episodes."""
        options = {"tasks": list(self.tasks), "obs": "positions", "robot_noise_ratio": D4RL_NOISE}
        env = {"id": "kitchen", "options": options}
        return {"made_by": made_by, "source": "scripted expert", "env": env}

    @property
    def tasks(self) -> tuple[str, ...]:
        """Subtasks that the rewards count."""
        return ORDERS[self.orders][0]


@dataclass(frozen=True)
class Wanted:
    """An episode to collect; all that is drawn at random follows from `seed`."""

    collection: Collection
    seed: tuple[int, int]


def wanted(collection: Collection, episodes: int, seed: int) -> list[Wanted]:
    """The episodes to collect.

    Raises:
        InputError: fewer than one episode, or a negative seed.
    """
    if episodes < 1:
        raise InputError(f"episodes: expected at least 1, got {episodes}")
    seed = whole_seed(seed)
    return [Wanted(collection, (seed, index)) for index in range(episodes)]


def collect(item: Wanted) -> Episode | None:
    """The first attempt in which all was done; None where there was none.

    Example:
        >>> episode = collect(Wanted(Collection(), seed=(0, 0)))
        >>> int(episode.rewards.sum()), list(dict.fromkeys(episode.subtasks.tolist()))
        (4, ['microwave', 'kettle', 'light switch', 'slide cabinet'])
    """
    rng = np.random.default_rng(item.seed)
    order = _order(item.collection.orders, rng)
    for _ in range(item.collection.attempts):
        episode = _attempt(item.collection, order, rng)
        if episode is not None:
            return episode
    return None


def _attempt(
    collection: Collection, order: tuple[str, ...], rng: np.random.Generator
) -> Episode | None:
    env = _env(collection.orders, collection.init_noise)
    strength = 0.0 if rng.random() < collection.clean else collection.noise
    noise = ActionNoise(env.action_space.shape[0], rng, strength)
    obs, _ = env.reset(seed=int(rng.integers(2**31)))
    expert = _expert(env)
    expert.reset(int(rng.integers(2**31)), order)
    low, high = env.action_space.low, env.action_space.high
    rows, undone, over = [], set(order), False
    while not over:
        action = expert.act()
        if expert.subtask is None:
            break
        executed = np.clip(action + noise.sample(), low, high).astype(np.float32)
        seen, subtask = obs, expert.subtask
        obs, reward, terminated, truncated, _ = env.step(executed)
        rows.append((seen, action, executed, reward, subtask))
        # A later subtask may undo one: as in the environment, done once counts as done.
        if subtask in undone and achieved(env.data, subtask):
            undone.remove(subtask)
        over = terminated or truncated
    if undone:
        return None
    observations, actions, executed, rewards, subtasks = map(np.array, zip(*rows, strict=True))
    return Episode(observations, actions, executed, rewards, subtasks)


def _order(orders: str, rng: np.random.Generator) -> tuple[str, ...]:
    if orders == "complete":
        return KITCHEN_TASKS["complete"]
    shuffled = [str(name) for name in rng.permutation(SUBTASKS)]
    return tuple(shuffled[: MIXED if orders == "mixed" else None])


@cache
def _env(orders: str, init_noise: float) -> KitchenEnv:
    tasks, steps = ORDERS[orders]
    return make_kitchen(tasks, init_noise=init_noise, max_episode_steps=steps)


@cache
def _expert(env: KitchenEnv) -> ScriptedExpert:
    return ScriptedExpert(env, env.tasks)
