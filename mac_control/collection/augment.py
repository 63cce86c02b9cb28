"""Robust episodes from few demonstrations: tracks them under disturbance, keeps corrections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import gymnasium
import numpy as np

from mac_control.collection.noise import ActionNoise, random_subset
from mac_control.collection.simulate import achieved, shared_env
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.envs.abilities import StartsAnywhere, episode_steps
from mac_control.envs.checked import Checked
from mac_control.envs.name import EnvName
from mac_control.errors import InputError
from mac_control.operators.base import Operator
from mac_control.operators.make import make_operator
from mac_control.operators.tracker import Tracker
from mac_control.robot import Robot
from mac_control.seeds import whole_seed

#: Steps at one frame of the demonstration after which an episode counts as stuck and ends.
STUCK = 40


@dataclass(frozen=True)
class Disturbance:
    """How episodes deviate from the demonstrations that they follow.

    Args:
        strength: largest step of the injected AR(1) noise, in action units.
        decay: share of the noise that is left after a step.
        init_noise: how far the start varies, in an environment with the option `init_noise`; 0:
            not at all. Without that option, episodes start where the demonstration did, as far as
            the environment can.
        scene_noise: how far the objects are moved, in an environment with the option `scene_noise`.
        interrupted: share of the episodes in which an operator who follows another
            demonstration drives a random subset of dimensions for a while.
        scripted: share of these operators replaced by the operator `expert`, with a random order
            of subtasks; needs an environment that has one, and the extra `expert`.
        max_dims: most dimensions that such an operator drives.
        gain: scale of the robot's feedback in the tracking controller.
        min_reward: least reward of an episode to keep it; None: 3, or all where there are fewer,
            where subtasks are counted; else any, unless the environment reports a failure.
        max_steps: longest episode, in control steps; None: the environment's.
        attempts: simulations of an episode, with different disturbances, until one is kept.
    """

    strength: float = 0.12
    decay: float = 0.9
    init_noise: float = 0.05
    scene_noise: float = 0.0
    interrupted: float = 0.25
    scripted: float = 0.0
    max_dims: int = 6
    gain: float = 1.0
    min_reward: float | None = None
    max_steps: int | None = None
    attempts: int = 10

    def __post_init__(self) -> None:
        numbers = {name: value for name, value in asdict(self).items() if value is not None}
        for name, value in numbers.items():
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"{name}: expected a finite number of at least 0, got {value}")
        for name in ("decay", "interrupted", "scripted"):
            if getattr(self, name) > 1:
                raise InputError(f"{name}: expected at most 1, got {getattr(self, name)}")
        for name in ("max_dims", "attempts", "max_steps"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise InputError(f"{name}: expected at least 1, got {value}")


@dataclass(frozen=True, eq=False)
class Disturbed:
    """An episode to simulate: expert, intruder, environment, robot, and the seed of all draws."""

    expert: Tracker
    intruder: Tracker | Literal["scripted"] | None
    seed: tuple[int, int]
    env: EnvName
    disturbance: Disturbance
    robot: Robot | None = None  # in place of the environment's own


def plan(
    demonstrations: Demonstrations,
    disturbance: Disturbance,
    episodes: int,
    seed: int,
    robot: Robot | None = None,
) -> list[Disturbed]:
    """The episodes to simulate; each demonstration is tracked equally often.

    `robot` is a description in place of the environment's own.

    Raises:
        InputError: demonstrations whose environment or robot is unknown, or too few of them.
    """
    seed = whole_seed(seed)
    if episodes < 1:
        raise InputError(f"episodes: expected at least 1, got {episodes}")
    env = EnvName.of_data(demonstrations.provenance)
    if env is None:
        raise InputError(
            "demonstrations: expected to know the environment they were recorded in, got none; "
            "name it (--env)"
        )
    if disturbance.interrupted and len(demonstrations) < 2:
        raise InputError("interrupted: expected 0 where there is one demonstration to follow")
    rng = np.random.default_rng(seed)
    trackers = [
        Tracker(demonstrations.select([index]), gain=disturbance.gain)
        for index in range(len(demonstrations))
    ]
    items = []
    for index in range(episodes):
        tracked = index % len(trackers)
        other = (tracked + rng.integers(1, len(trackers))) % len(trackers) if trackers[1:] else 0
        intruder = trackers[other] if rng.random() < disturbance.interrupted else None
        if intruder and disturbance.scripted and rng.random() < disturbance.scripted:
            intruder = "scripted"
        draws = (seed, index)
        items.append(Disturbed(trackers[tracked], intruder, draws, env, disturbance, robot))
    return items


def simulate(item: Disturbed) -> Episode | None:
    """The first attempt that achieved enough; None where none did."""
    for attempt in range(item.disturbance.attempts):
        episode = attempt_once(item, attempt)
        if episode is not None:
            return episode
    return None


def attempt_once(item: Disturbed, attempt: int) -> Episode | None:
    """One simulation; None where it achieved too little.

    `actions` is what the expert would do, `executed` what was actually done.
    """
    rng = np.random.default_rng((*item.seed, attempt))
    disturbance = item.disturbance
    shared = shared_env(item.env.with_options(_start(item)), item.robot)
    env = Checked(shared)  # copies observations, which some environments change in place
    space = shared.action_space
    noise = ActionNoise(space.shape[0], rng, disturbance.strength, disturbance.decay)
    driven = _interruption(item, shared, rng)
    obs, _ = env.reset(seed=int(rng.integers(2**31)), options=_start_options(item, shared))
    rows: dict[str, list[Any]] = {k: [] for k in ("observations", "actions", "executed", "rewards")}
    item.expert.reset(0)
    intruder = _intruder(item, attempt, shared)
    frame, since, over = 0, 0, False
    while not over and since < STUCK:
        action = item.expert.read(obs).values
        wanted = action + noise.sample()
        if intruder is not None:
            wanted = np.where(next(driven), intruder.read(obs).values, wanted)
        executed = np.clip(wanted, space.low, space.high).astype(np.float32)
        for name, value in (("observations", obs), ("actions", action), ("executed", executed)):
            rows[name].append(value)
        obs, reward, terminated, truncated, info = env.step(executed)
        rows["rewards"].append(reward)
        over = terminated or truncated
        since = since + 1 if item.expert.frame == frame else 0
        frame = item.expert.frame
    if not achieved(shared, rows["rewards"], info, disturbance.min_reward):
        return None
    return Episode(**{name: np.array(values, np.float32) for name, values in rows.items()})


def _intruder(item: Disturbed, attempt: int, env: gymnasium.Env) -> Operator | None:
    """The interrupting operator at its start; a scripted one has a new order in each attempt."""
    if item.intruder is None:
        return None
    if item.intruder != "scripted":
        item.intruder.reset(item.seed[1])
        return item.intruder
    expert = make_operator("expert", action_dim=env.action_space.shape[0], env=env)
    expert.reset(int(np.random.SeedSequence((*item.seed, attempt)).generate_state(1)[0]))
    return expert


def _interruption(
    item: Disturbed, env: gymnasium.Env, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """The dimensions that the intruder drives, step by step."""
    n = env.action_space.shape[0]
    dims = random_subset(n, rng, 1, min(item.disturbance.max_dims, n))
    # May begin before the start and end after the end, and so last the whole episode.
    steps = episode_steps(env)
    start, end = sorted(rng.uniform(-0.5 * steps, 1.5 * steps, 2))
    step = 0
    while True:
        yield dims & (start <= step < end)
        step += 1


def _start(item: Disturbed) -> dict[str, Any]:
    """Options of the environment."""
    disturbance, env = item.disturbance, item.env
    wanted = {
        name: value
        for name in ("init_noise", "scene_noise")
        if (value := getattr(disturbance, name)) and env.has_option(name)
    }
    return {**wanted, "max_episode_steps": disturbance.max_steps}


def _start_options(item: Disturbed, env: gymnasium.Env) -> dict[str, Any] | None:
    """Options of the reset."""
    inner = env.unwrapped
    if item.env.has_option("init_noise") or not isinstance(inner, StartsAnywhere):
        return None
    tracked = item.expert.demonstrations[item.expert.demonstration]
    return inner.start_options(tracked.observations[0])
