"""Summarises demonstrations in numbers and plots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.demonstrations.episode import Demonstrations, Episode
from mac_control.figures import new_figure
from mac_control.files import atomic_path

#: An action this near to an end of its range, as a share of the range, counts as at the bound.
AT_BOUND = 1e-3
#: Most dimensions whose names fit below a figure.
MOST_NAMES = 14


def recorded_reward(episode: Episode, tasks: tuple[str, ...]) -> float | None:
    """Subtasks done in an episode, by its rewards; None where none are recorded.

    D4RL's files count, at each step, the subtasks that *are* done: the reward is the maximum over
    steps. Gymnasium's environment rewards each step that *completes* a subtask: the reward is the
    sum. Rewards at more steps than there are subtasks are of the first kind.

    Example:
        >>> episode = Episode(np.zeros((4, 1)), np.zeros((4, 1)), rewards=[0, 1, 2, 2])
        >>> recorded_reward(episode, ("microwave", "kettle"))
        2.0
    """
    if episode.rewards is None:
        return None
    counted = tasks and np.count_nonzero(episode.rewards) > len(tasks)
    return float(episode.rewards.max() if counted else episode.rewards.sum())


def summarize(demonstrations: Demonstrations) -> dict[str, Any]:
    """Sizes, rewards, subtasks and actions of demonstrations; JSON values."""
    # One episode in memory at a time.
    least = np.min([episode.actions.min(0) for episode in demonstrations], 0)
    most = np.max([episode.actions.max(0) for episode in demonstrations], 0)
    low, high = _box(np.stack([least, most]))
    near = AT_BOUND * (high - low)
    at_bounds, differs = np.zeros(demonstrations.action_dim), 0
    for episode in demonstrations:
        actions = episode.actions
        at_bounds += ((actions <= low + near) | (actions >= high - near)).sum(0)
        differs += int((np.asarray(episode.executed) != actions).any(1).sum())
    steps = int(demonstrations.lengths.sum())
    rewards = [recorded_reward(e, demonstrations.tasks) for e in demonstrations]
    known = [reward for reward in rewards if reward is not None]
    subtasks = Counter(
        str(name) for e in demonstrations if e.subtasks is not None for name in e.subtasks if name
    )
    done = _done(demonstrations)
    lengths = demonstrations.lengths.tolist()
    return {
        "episodes": len(demonstrations),
        "failed": int(demonstrations.failed.sum()),
        "steps": steps,
        "episode_steps": [min(lengths), float(np.mean(lengths)), max(lengths)],
        "obs_dim": demonstrations.obs_dim,
        "action_dim": demonstrations.action_dim,
        "tasks": list(demonstrations.tasks),
        "rewards": counted(known) if demonstrations.tasks else {},
        "reward_mean": float(np.mean(known)) if known else None,
        "subtasks_done": dict(done.most_common()),
        "subtask_steps": dict(subtasks.most_common()),
        "action_low": least.tolist(),
        "action_high": most.tolist(),
        "at_bounds": (at_bounds / steps).tolist(),
        "executed_differs": differs / steps,
    }


def plot(demonstrations: Demonstrations, path: str | Path) -> None:
    """Write a PNG of rewards, subtasks and lengths of episodes, and actions per dimension."""
    figure = new_figure(7.5)
    (left, tasks), (middle, right) = figure.subplots(2, 2)
    rewards = [recorded_reward(e, demonstrations.tasks) for e in demonstrations]
    known = [reward for reward in rewards if reward is not None]
    draw_rewards(left, known, bool(demonstrations.tasks))
    done = _done(demonstrations)
    tasks.barh([*done], [*done.values()])
    tasks.set(xlabel="episodes", title="Done in how many")
    robot = demonstrations.robot
    lengths = np.array([len(episode) for episode in demonstrations], float)
    if robot is not None and robot.rate is not None:
        lengths /= robot.rate
    unit = "steps" if robot is None or robot.rate is None else "s"
    middle.hist(lengths, bins=20)
    middle.set(xlabel=f"length [{unit}]", ylabel="episodes", title="Length of an episode")
    dims = range(demonstrations.action_dim)
    right.violinplot(list(demonstrations.actions.T), dims, showextrema=True)
    right.set(ylabel="action", title="Actions")
    if robot is not None and len(dims) <= MOST_NAMES:
        right.set_xticks(dims, robot.labels, rotation=90)
    else:
        right.set(xlabel="dimension")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def counted(rewards: Sequence[float]) -> dict[str, int]:
    """Number of episodes with each reward, for rewards that count subtasks."""
    return dict(sorted(Counter(f"{reward:g}" for reward in rewards).items()))


def draw_rewards(axes: Any, rewards: Sequence[float], subtasks: bool) -> None:
    """A histogram of the rewards of episodes: a bar for each number of subtasks, or returns."""
    bins: Any = np.arange(-0.5, max(rewards, default=0) + 1) if subtasks else 20
    axes.hist(rewards, bins=bins, rwidth=0.8 if subtasks else None)
    what = "Subtasks done" if subtasks else "Return"
    axes.set(xlabel=what.lower(), ylabel="episodes", title=f"{what} in an episode")


def _done(demonstrations: Demonstrations) -> Counter[str]:
    """Number of episodes that complete each subtask; empty where no subtasks are known."""
    from mac_control.envs.kitchen.subtasks import subtasks_done

    episodes = demonstrations if demonstrations.tasks else ()
    return Counter(
        task for episode in episodes for task in subtasks_done(episode, demonstrations.tasks)
    )


def _box(actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The action box: [-1, 1] where it contains all actions, else their range."""
    if np.abs(actions).max() <= 1:
        ones = np.ones(actions.shape[1], np.float32)
        return -ones, ones
    return actions.min(0), actions.max(0)
