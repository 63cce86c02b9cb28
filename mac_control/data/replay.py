"""Replays demonstrations in simulation."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.errors import InputError


@dataclass
class Args:
    """Replay demonstrations in the kitchen: the reward reached against the reward recorded."""

    data: str | None = None
    """An HDF5 file, a Minari id or folder, a D4RL kitchen name; None: searched."""
    episodes: str | None = None
    """Which episodes, such as 0,3; None: all."""
    tracked: bool = False
    """Follow the demonstration with feedback; otherwise its actions are sent as they are."""
    noise: float = 0.1
    """Noise on observed robot joints, as in D4RL."""
    seed: int = 0
    """Of the noise."""
    workers: int | None = None
    """Processes; None: every core."""
    video: Path | None = None
    """File for a film, such as film.mp4."""


def main(args: Args) -> int | None:
    from mac_control.demonstrations import load_demonstrations
    from mac_control.demonstrations.summary import recorded_reward
    from mac_control.loop.video import film, ready_to_film
    from mac_control.parallel import run_many
    from mac_control.scripts.rollout import numbers

    demonstrations = load_demonstrations(args.data)
    count = len(demonstrations)
    chosen = list(range(count)) if args.episodes is None else numbers("episodes", args.episodes)
    if not all(0 <= index < count for index in chosen):
        raise InputError(f"episodes: expected numbers from 0 to {count - 1}, got {chosen}")
    if (demonstrations.obs_dim, demonstrations.action_dim) not in ((30, 9), (59, 9)):
        raise InputError("data: expected demonstrations in the kitchen, got others")
    options = {"robot_noise_ratio": args.noise, "render_mode": args.video and "rgb_array"}
    play = partial(_replay, args.tracked, args.seed, options)
    items = [(index, demonstrations.select([index])) for index in chosen]
    if args.video is None:
        reached = dict(run_many(play, items, args.workers))
    else:
        ready_to_film()
        env = _kitchen(demonstrations, options)
        with film(env, args.video) as picture:
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


def _kitchen(demonstrations: Any, options: dict[str, Any]) -> Any:
    from mac_control.envs import make_kitchen

    obs = "positions" if demonstrations.obs_dim == 30 else "full"
    longest = 2 * max(len(episode) for episode in demonstrations)
    return make_kitchen(
        demonstrations.tasks or "complete", obs=obs, max_episode_steps=longest, **options
    )


def _replay(
    tracked: bool,
    seed: int,
    options: dict[str, Any],
    item: tuple[int, Any],
    env: Any = None,
    picture: Any = None,
) -> float:
    """Reward of one demonstration (its index, and it alone), replayed from its first state."""
    from mac_control.operators.tracker import Tracker

    index, demonstrations = item
    episode = demonstrations[0]
    tracker = Tracker(demonstrations, demonstration=0) if tracked else None
    steps = len(episode) * (2 if tracked else 1)  # feedback may take its time
    with nullcontext(env) if env is not None else _kitchen(demonstrations, options) as env:
        first = episode.observations[0].astype(float)
        if len(first) == 30:
            state = first, np.zeros(29)
        else:  # robot positions and velocities, object positions and velocities
            state = np.r_[first[:9], first[18:39]], np.r_[first[9:18], first[39:]]
        obs, _ = env.reset(seed=seed + index, options={"state": state})
        total = 0.0
        for step in range(steps):
            action = tracker.read(obs).values if tracker else episode.executed[step]
            obs, reward, terminated, truncated, _ = env.step(np.clip(action, -1, 1))
            total += reward
            if picture is not None:
                picture()
            if terminated or truncated:
                break
    return total
