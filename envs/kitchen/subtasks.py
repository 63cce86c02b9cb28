"""The subtask of each step of a kitchen demonstration that has no such labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mac_control.demonstrations.episode import Demonstrations, Episode, EpisodeFile
from mac_control.demonstrations.summary import recorded_reward
from mac_control.envs.kitchen.data import GOAL_ENTRIES, kitchen_entries


def subtasks_done(episode: Episode, tasks: tuple[str, ...] = ()) -> dict[str, int]:
    """Kitchen subtasks that get done, by the observed object positions -> the first step of each.

    Done is as in FrankaKitchen: within 0.3 of the goal. Empty where this is not a kitchen.

    Args:
        tasks: the rewarded subtasks. The effect of the last action is never observed: where the
            rewards count one more of these than was observed, it is the one nearest to its goal.
    """
    entries = kitchen_entries(episode.observations.shape[1], episode.actions.shape[1], "positions")
    if entries is None:
        return {}
    from gymnasium_robotics.envs.franka_kitchen.kitchen_env import (
        BONUS_THRESH,
        OBS_ELEMENT_GOALS,
    )

    positions = episode.observations[:, entries]
    found, last = {}, {}
    for task, goal in OBS_ELEMENT_GOALS.items():
        away = np.linalg.norm(positions[:, GOAL_ENTRIES[task]] - goal, axis=1)
        if (away < BONUS_THRESH).any():
            found[task] = int((away < BONUS_THRESH).argmax())
        elif task in tasks:
            last[task] = away[-1]
    reward = recorded_reward(episode, tasks)
    if last and reward is not None and reward > len(found.keys() & set(tasks)):
        found[min(last, key=last.__getitem__)] = len(episode)
    return found


def labelled(demonstrations: Demonstrations) -> Demonstrations:
    """Label each step in hindsight with a subtask: the one that gets done next.

    After the last of them it is the one of `tasks` that is missing, if it is the only one (an
    episode often ends with the step that gets it done, before that is observed), otherwise the last
    one. Episodes that have labels, and those in which nothing gets done, stay as they are.

    Example:
        >>> from mac_control.demonstrations import load_demonstrations
        >>> episode = load_demonstrations("builtin").select([0])[0]
        >>> tasks = load_demonstrations("builtin").tasks
        >>> bare = Demonstrations([replace(episode, subtasks=None)], tasks)
        >>> list(dict.fromkeys(labelled(bare)[0].subtasks.tolist()))
        ['microwave', 'kettle', 'light switch', 'slide cabinet']
    """
    if isinstance(demonstrations.episodes, EpisodeFile):
        return demonstrations
    episodes = (_labelled(episode, demonstrations.tasks) for episode in demonstrations)
    return replace(demonstrations, episodes=tuple(episodes))


def _labelled(episode: Episode, tasks: tuple[str, ...]) -> Episode:
    if episode.subtasks is not None:
        return episode
    done = {task: step for task, step in subtasks_done(episode).items() if step > 0}
    if not done:
        return episode
    order = sorted(done, key=lambda task: done[task])
    next_one = np.searchsorted([done[task] for task in order], np.arange(len(episode)))
    missing = [task for task in tasks if task not in done]
    names = np.array([*order, missing[0] if len(missing) == 1 else order[-1]])
    return replace(episode, subtasks=names[next_one])
