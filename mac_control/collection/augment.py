"""Robust episodes from few demonstrations: follow them while something disturbs, keep what
should have been done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from mac_control.collection.noise import ActionNoise, random_subset
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.envs import KitchenEnv, make_kitchen
from mac_control.errors import InputError
from mac_control.operators.base import Operator
from mac_control.operators.tracker import GAIN, Tracker

#: Size of a kitchen observation -> its name.
OBS = {30: "positions", 59: "full"}
#: Steps at one frame of the demonstration after which an episode has got stuck, and ends.
STUCK = 40


@dataclass(frozen=True)
class Disturbance:
    """How episodes differ from the demonstrations that they follow.

    Args:
        strength: largest step of the injected AR(1) noise, in action units.
        decay: share of the noise that is left after a step.
        init_noise: arm joints start uniformly within this of the usual pose [rad].
        interrupted: share of the episodes in which an operator who follows another
            demonstration drives a random subset of dimensions for a while.
        scripted: share of these operators that are the scripted expert instead, who has a
            random order of subtasks in mind; needs the extra `expert`.
        max_dims: most dimensions that such an operator drives.
        gain: feedback of the tracking controller, in action units per rad.
        min_reward: subtasks that must get done for an episode to be kept.
        attempts: simulations of an episode, with other disturbances, until one is kept.
    """

    strength: float = 0.12
    decay: float = 0.9
    init_noise: float = 0.05
    interrupted: float = 0.25
    scripted: float = 0.0
    max_dims: int = 6
    gain: float = GAIN
    min_reward: float = 3.0
    attempts: int = 10

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"{name}: expected a finite number of at least 0, got {value}")
        for name in ("decay", "interrupted", "scripted"):
            if getattr(self, name) > 1:
                raise InputError(f"{name}: expected at most 1, got {getattr(self, name)}")
        for name in ("max_dims", "attempts"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: expected at least 1, got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Disturbed:
    """An episode to simulate: who acts, who interrupts, and the seed of everything drawn."""

    expert: Tracker
    intruder: Tracker | Literal["scripted"] | None
    seed: tuple[int, int]
    tasks: tuple[str, ...]
    disturbance: Disturbance


def plan(
    demonstrations: Demonstrations, disturbance: Disturbance, episodes: int, seed: int
) -> list[Disturbed]:
    """The episodes to simulate; each demonstration is followed equally often.

    Raises:
        InputError: demonstrations that cannot be followed in the kitchen, or too few of them.
    """
    if episodes < 1:
        raise InputError(f"episodes: expected at least 1, got {episodes}")
    if demonstrations.obs_dim not in OBS:
        raise InputError(
            f"demonstrations: expected kitchen observations of {' or '.join(map(str, OBS))} "
            f"entries, got {demonstrations.obs_dim}"
        )
    if not demonstrations.tasks:
        raise InputError("demonstrations: expected to know their subtasks, got none: name them")
    if disturbance.interrupted and len(demonstrations) < 2:
        raise InputError("interrupted: expected 0 where there is one demonstration to follow")
    rng = np.random.default_rng(seed)
    trackers = [
        Tracker(demonstrations.select([index]), gain=disturbance.gain)
        for index in range(len(demonstrations))
    ]
    items = []
    for index in range(episodes):
        followed = index % len(trackers)
        other = (followed + rng.integers(1, len(trackers))) % len(trackers) if trackers[1:] else 0
        intruder = trackers[other] if rng.random() < disturbance.interrupted else None
        if intruder and disturbance.scripted and rng.random() < disturbance.scripted:
            intruder = "scripted"
        items.append(
            Disturbed(
                trackers[followed], intruder, (seed, index), demonstrations.tasks, disturbance
            )
        )
    return items


def simulate(item: Disturbed) -> Episode | None:
    """The first attempt in which enough subtasks got done; None where none was good enough."""
    for attempt in range(item.disturbance.attempts):
        episode = attempt_once(item, attempt)
        if episode.rewards.sum() >= item.disturbance.min_reward:
            return episode
    return None


def attempt_once(item: Disturbed, attempt: int) -> Episode:
    """One simulation: `actions` is what the expert would do, `executed` what was done."""
    rng = np.random.default_rng((*item.seed, attempt))
    disturbance = item.disturbance
    env = _env(item.tasks, OBS[item.expert.demonstrations.obs_dim], disturbance.init_noise)
    noise = ActionNoise(env.action_space.shape[0], rng, disturbance.strength, disturbance.decay)
    driven = _interruption(item, env, rng)
    obs, _ = env.reset(seed=int(rng.integers(2**31)))
    rows: dict[str, list[Any]] = {k: [] for k in ("observations", "actions", "executed", "rewards")}
    item.expert.reset(0)
    intruder = _intruder(item, env)
    if intruder is not None:
        intruder.reset(item.seed[1])
    frame, since, over = 0, 0, False
    while not over and since < STUCK:
        action = item.expert.read(obs).values
        wanted = action + noise.sample()
        if intruder is not None:
            wanted = np.where(next(driven), intruder.read(obs).values, wanted)
        executed = np.clip(wanted, env.action_space.low, env.action_space.high).astype(np.float32)
        for name, value in (("observations", obs), ("actions", action), ("executed", executed)):
            rows[name].append(value)
        obs, reward, terminated, truncated, _ = env.step(executed)
        rows["rewards"].append(reward)
        over = terminated or truncated
        since = since + 1 if item.expert.frame == frame else 0
        frame = item.expert.frame
    return Episode(**{name: np.array(values, np.float32) for name, values in rows.items()})


def _intruder(item: Disturbed, env: KitchenEnv) -> Operator | None:
    if item.intruder != "scripted":
        return item.intruder
    from mac_control.expert.operator import ScriptedOperator  # needs mink

    return ScriptedOperator(env)


def _interruption(
    item: Disturbed, env: KitchenEnv, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """For every step, the dimensions that the intruder drives."""
    n = env.action_space.shape[0]
    dims = random_subset(n, rng, 1, min(item.disturbance.max_dims, n))
    # From before the start and to after the end as often as within: then it lasts all along.
    steps = env.max_episode_steps
    start, end = sorted(rng.uniform(-0.5 * steps, 1.5 * steps, 2))
    step = 0
    while True:
        yield dims & (start <= step < end)
        step += 1


@cache
def _env(tasks: tuple[str, ...], obs: str, init_noise: float) -> KitchenEnv:
    """One simulator per process: loading the kitchen takes longer than an episode's tenth."""
    return make_kitchen(tasks, obs=obs, robot_noise_ratio=0.1, init_noise=init_noise)
