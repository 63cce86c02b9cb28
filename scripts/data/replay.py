"""Replays demonstrations in simulation."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mac_control.envs.abilities import StartsAnywhere
from mac_control.envs.make import make_filmed
from mac_control.envs.name import EnvName
from mac_control.errors import InputError
from mac_control.options import EnvOptions, numbers
from mac_control.robot import Robot
from mac_control.seeds import whole_seed

#: Name of each way of replaying in the summary.
HOW = {"actions": "open loop", "tracked": "tracked", "states": "states"}


@dataclass(kw_only=True)
class Args(EnvOptions):
    """Replay demonstrations in simulation: the reward reached against the reward recorded.

    To see the recorded motion, use `--how states`.
    """

    data: str | None = None
    """An HDF5 file, a Minari id or folder, a LeRobotDataset's folder, a D4RL kitchen name; None:
    searched."""
    episodes: str | None = None
    """Which episodes, such as 0,3; None: all."""
    how: Literal["actions", "tracked", "states"] = "actions"
    """actions: the recorded actions are sent again; noise and small differences add up, and an
    episode may end differently. tracked: the recorded positions are tracked with feedback. states:
    nothing is sent; the scene is set to each observation."""
    seed: int = 0
    """Seed of the first episode; the others count up from it."""
    workers: int | None = None
    """Processes; None: every core."""
    video: Path | None = None
    """File for a video, such as video.mp4."""


def main(args: Args) -> int | None:
    from mac_control.demonstrations import load_demonstrations
    from mac_control.demonstrations.summary import recorded_reward
    from mac_control.loop.video import record_video, require_video
    from mac_control.parallel import run_many

    seed = whole_seed(args.seed)
    demonstrations = load_demonstrations(args.data, failed=True)
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
    play = partial(_replay, args.how, seed, env_name, args.chosen_robot())
    items = [(index, demonstrations.select([index])) for index in chosen]
    with ExitStack() as stack:
        reached: Iterable[tuple[int, float]]
        if args.video is None:
            reached = run_many(play, items, args.workers)
        else:
            require_video()
            env = make_filmed(env_name, args.chosen_robot())
            picture = stack.enter_context(record_video(env, args.video))
            reached = enumerate(play(item, env, picture) for item in items)
        pairs = []
        for number, reward in reached:
            episode = demonstrations[chosen[number]]
            recorded = recorded_reward(episode, demonstrations.tasks)
            pairs.append((reward, np.nan if recorded is None else recorded))
            said = "shown" if args.how == "states" else f"reached {reward:g}"
            print(f"episode {chosen[number]:>4}  {said}  recorded {pairs[-1][1]:g}", flush=True)
    if args.how != "states":
        reached_mean, recorded_mean = np.mean(pairs, axis=0)
        print(
            f"mean of {len(pairs)}, {HOW[args.how]}: reached {reached_mean:.2f}, "
            f"recorded {recorded_mean:.2f}"
        )
        if args.how == "actions" and reached_mean < recorded_mean:
            print("Noise and small differences add up; --how states shows what was done.")
    if args.video is not None:
        print(args.video)
    return 0


def _replay(
    how: str,
    seed: int,
    env_name: EnvName,
    robot: Robot | None,
    item: tuple[int, Any],
    env: Any = None,
    picture: Any = None,
) -> float:
    """Reward of one demonstration (index and episode), replayed from its first state."""
    from mac_control.envs import make_env
    from mac_control.envs.describe import fitting_robot
    from mac_control.operators.tracker import Tracker

    index, demonstrations = item
    episode = demonstrations[0]
    steps = len(episode) * (2 if how == "tracked" else 1)  # tracking may take longer
    total = 0.0
    with nullcontext(env) if env is not None else make_env(env_name, robot) as env:
        own = fitting_robot(env, demonstrations.action_dim)
        if demonstrations.robot is None:
            demonstrations = replace(demonstrations, robot=own)
        tracker = Tracker(demonstrations, demonstration=0) if how == "tracked" else None
        start = env.unwrapped if isinstance(env.unwrapped, StartsAnywhere) else None
        if how == "states" and start is None:
            raise InputError(
                f"how: expected an environment that can be put into a recorded state, got "
                f"{env_name}, which cannot; replay actions"
            )
        options = start.start_options(episode.observations[0]) if start else None
        obs, _ = env.reset(seed=seed + index, options=options)
        for step in range(steps):
            if how == "states":
                env.reset(options=start.start_options(episode.observations[step]))
                terminated = truncated = False
            else:
                action = tracker.read(obs).values if tracker else episode.executed[step]
                space = env.action_space
                action = np.clip(action, space.low, space.high).astype(space.dtype)
                obs, reward, terminated, truncated, _ = env.step(action)
                total += float(reward)
            if picture is not None:
                picture()
            if terminated or truncated:
                break
    return total
