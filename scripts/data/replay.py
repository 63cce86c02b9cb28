"""Replays demonstrations in simulation."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.envs.abilities import StartsAnywhere
from mac_control.envs.make import EnvName, make_filmed
from mac_control.errors import InputError
from mac_control.options import EnvOptions, numbers
from mac_control.robot import Robot
from mac_control.seeds import whole_seed


@dataclass(kw_only=True)
class Args(EnvOptions):
    """Replay demonstrations in simulation: the reward reached against the reward recorded."""

    data: str | None = None
    """An HDF5 file, a Minari id or folder, a D4RL kitchen name; None: searched."""
    episodes: str | None = None
    """Which episodes, such as 0,3; None: all."""
    tracked: bool = False
    """Follow the demonstration with feedback; otherwise its actions are sent as they are."""
    seed: int = 0
    """Of the first episode; the others follow it."""
    workers: int | None = None
    """Processes; None: every core."""
    video: Path | None = None
    """File for a film, such as film.mp4."""


def main(args: Args) -> int | None:
    from mac_control.demonstrations import load_demonstrations
    from mac_control.demonstrations.summary import recorded_reward
    from mac_control.loop.video import record_video, require_video
    from mac_control.parallel import run_many

    seed = whole_seed(args.seed)
    demonstrations = load_demonstrations(args.data)
    count = len(demonstrations)
    chosen = list(range(count)) if args.episodes is None else numbers("episodes", args.episodes)
    if not all(0 <= index < count for index in chosen):
        raise InputError(f"episodes: expected numbers from 0 to {count - 1}, got {chosen}")
    env_name = args.chosen_env() or EnvName.of_data(demonstrations.provenance)
    if env_name is None:
        raise InputError("data: expected to know their environment, got none; name it (--env)")
    longest = 2 * int(demonstrations.lengths.max())
    env_name = env_name.fitted(demonstrations.obs_dim, demonstrations.action_dim)
    env_name = env_name.with_options({"max_episode_steps": longest, **args.env_options()})
    play = partial(_replay, args.tracked, seed, env_name, args.chosen_robot())
    items = [(index, demonstrations.select([index])) for index in chosen]
    if args.video is None:
        reached = dict(run_many(play, items, args.workers))
    else:
        require_video()
        env = make_filmed(env_name, args.chosen_robot())
        with record_video(env, args.video) as picture:
            reached = dict(enumerate(play(item, env, picture) for item in items))
    pairs = []
    for number, index in enumerate(chosen):
        recorded = recorded_reward(demonstrations[index], demonstrations.tasks)
        pairs.append((reached[number], np.nan if recorded is None else recorded))
        print(f"episode {index:>4}  reached {pairs[-1][0]:g}  recorded {pairs[-1][1]:g}")
    reached_mean, recorded_mean = np.mean(pairs, axis=0)
    how = "tracked" if args.tracked else "open loop"
    print(f"mean of {len(pairs)}, {how}: reached {reached_mean:.2f}, recorded {recorded_mean:.2f}")
    if args.video is not None:
        print(args.video)
    return 0


def _replay(
    tracked: bool,
    seed: int,
    env_name: EnvName,
    robot: Robot | None,
    item: tuple[int, Any],
    env: Any = None,
    picture: Any = None,
) -> float:
    """Reward of one demonstration (its index, and it alone), replayed from its first state."""
    from mac_control.envs import make_env, robot_of
    from mac_control.operators.tracker import Tracker

    index, demonstrations = item
    episode = demonstrations[0]
    steps = len(episode) * (2 if tracked else 1)  # feedback may take its time
    with nullcontext(env) if env is not None else make_env(env_name, robot) as env:
        if demonstrations.robot is None:
            demonstrations = replace(demonstrations, robot=robot_of(env))
        tracker = Tracker(demonstrations, demonstration=0) if tracked else None
        start = env.unwrapped if isinstance(env.unwrapped, StartsAnywhere) else None
        options = start.start_options(episode.observations[0]) if start else None
        obs, _ = env.reset(seed=seed + index, options=options)
        total = 0.0
        for step in range(steps):
            action = tracker.read(obs).values if tracker else episode.executed[step]
            space = env.action_space
            obs, reward, terminated, truncated, _ = env.step(
                np.clip(action, space.low, space.high).astype(space.dtype)
            )
            total += float(reward)
            if picture is not None:
                picture()
            if terminated or truncated:
                break
    return total
