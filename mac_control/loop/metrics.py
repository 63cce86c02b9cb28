"""Metrics of one episode of shared autonomy, computed from its trajectory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mac_control.errors import InputError
from mac_control.loop.trajectory import Trajectory

#: Steps over which the likelihood of given entries is averaged to judge an operator: 1 s.
WINDOW = 12


def episode_metrics(trajectory: Trajectory, rate: float | None = None) -> dict[str, float | None]:
    """Metrics of one episode at a control rate [Hz]; None where one does not apply.

    - `goal_reward`: subtasks done out of those that the operator wanted (all rewarded ones where
      it has no goal of its own).
    - `unwanted`: subtasks done that the operator did not want; None where it has no goal.
    - `steps_to_success`: steps until the last wanted subtask was done; None where one was not.
    - `seconds_to_success`: the same [s]; None also where the rate is unknown.
    - `effort`: share of the action entries that the operator gave.
    - `acceptance_rate`: see :func:`acceptance_rate`; 1 except for an arbitrated policy.
    - `obedience`: see :func:`obedience`; 1 where every command is executed bit for bit.
    - `log_prob_per_dim`: mean log-likelihood of a given entry [nats].
    - `jerk`: see :func:`jerk`.
    - `wrong_auc`: see :func:`wrong_auc`.
    """
    done = trajectory.task_steps
    wanted = tuple(done) if trajectory.goal is None else trajectory.goal
    reached = [done[task] for task in wanted if task in done]
    if trajectory.goal is None:
        finished = bool(trajectory.success) and bool(reached)
        goal_reward = trajectory.reward
    else:
        finished, goal_reward = len(reached) == len(wanted), float(len(reached))
    given = int(trajectory.given.sum())
    steps = float(max(reached)) if finished and reached else None
    likelihood = None
    if trajectory.log_prob is not None and given:
        likelihood = float(trajectory.log_prob.sum() / given)
    return {
        "goal_reward": goal_reward,
        "unwanted": None if trajectory.goal is None else float(len(done.keys() - set(wanted))),
        "steps_to_success": steps,
        "seconds_to_success": None if steps is None or rate is None else steps / rate,
        "effort": trajectory.effort,
        "acceptance_rate": acceptance_rate(trajectory),
        "obedience": obedience(trajectory),
        "log_prob_per_dim": likelihood,
        "jerk": jerk(trajectory.actions, trajectory.given),
        "wrong_auc": wrong_auc(trajectory),
    }


def mean_metrics(episodes: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Mean of each metric over the episodes in which it applies; None where it never does.

    Example:
        >>> mean_metrics([{"effort": 0.5, "jerk": None}, {"effort": 0.0, "jerk": None}])
        {'effort': 0.25, 'jerk': None}
    """
    means: dict[str, float | None] = {}
    for name in episodes[0] if episodes else ():
        values = [value for episode in episodes if (value := episode[name]) is not None]
        means[name] = float(np.mean(values)) if values else None
    return means


def acceptance_rate(trajectory: Trajectory) -> float | None:
    """Share of the given entries that were executed as given, clipped to the action box.

    None where nothing was given.
    """
    given = trajectory.given
    if not given.any():
        return None
    wanted = trajectory.values
    if trajectory.box is not None:
        wanted = np.clip(wanted, *trajectory.box)
    return float(np.mean((trajectory.actions == wanted.astype(trajectory.actions.dtype))[given]))


def obedience(trajectory: Trajectory) -> float | None:
    """How closely given entries were executed as commanded, in [0, 1].

        1 - mean |executed - commanded| / (high - low)

    where low and high bound the action box, to which commands are clipped. None where nothing was
    given, or the box is not known.
    """
    given = trajectory.given
    if not given.any() or trajectory.box is None:
        return None
    low, high = (np.asarray(end, np.float64) for end in trajectory.box)
    off = np.abs(trajectory.actions - np.clip(trajectory.values, low, high)) / (high - low)
    return float(1 - off[given].mean())


def jerk(actions: np.ndarray, given: np.ndarray) -> float | None:
    """Mean squared second difference of filled-in actions `(T, D)`; None where there is none.

        mean (a[t+1] - 2 a[t] + a[t-1])²

    over all entries filled in at all three steps. Actions are velocities, so this is squared
    jerk up to a constant factor.

    Example:
        >>> straight = np.arange(4.0)[:, None] * np.ones(2)
        >>> jerk(straight, np.zeros((4, 2), bool))
        0.0
    """
    filled = ~np.asarray(given, bool)
    counted = filled[2:] & filled[1:-1] & filled[:-2]
    if not counted.any():
        return None
    change = np.diff(np.asarray(actions, np.float64), n=2, axis=0)
    return float(np.square(change[counted]).mean())


def wrong_auc(trajectory: Trajectory, window: int = WINDOW) -> float | None:
    """Area under the ROC curve of detecting a wrong operator, at each step, by likelihood.

    The score is minus the mean log-likelihood per given entry over the last `window` steps.
    None where the operator was never, or always, wrong, or there is no likelihood.
    """
    if trajectory.wrong is None or trajectory.log_prob is None:
        return None
    counts = trajectory.given.sum(1)
    scored = counts > 0
    labels = trajectory.wrong[scored]
    if labels.all() or not labels.any():
        return None
    total = _trailing(trajectory.log_prob, window) / np.maximum(_trailing(counts, window), 1)
    return auc(-total[scored], labels)


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Probability that a positive scores higher than a negative, ties counting half.

    Raises:
        InputError: there are no positives or no negatives.

    Example:
        >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
        0.875
    """
    false_positives, true_positives = roc_curve(scores, labels)
    steps = np.diff(false_positives)
    return float((steps * (true_positives[1:] + true_positives[:-1]) / 2).sum())


def roc_curve(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rates of false and of true positives as the threshold falls, from (0, 0) to (1, 1)."""
    scores, labels = np.asarray(scores, np.float64), np.asarray(labels, bool)
    if scores.shape != labels.shape or not labels.any() or labels.all():
        raise InputError("labels: expected positives and negatives, one for each score")
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of equal scores
    hits = np.cumsum(labels[order])[last]
    misses = last + 1 - hits
    return (
        np.append(0.0, misses / (~labels).sum()),
        np.append(0.0, hits / labels.sum()),
    )


def paired_difference(
    rows: Sequence[Mapping[str, Any]], base: Sequence[Mapping[str, Any]]
) -> list[list[float]]:
    """Differences in reward over the same episodes (harm, say), a list per training seed.

    `rows` and `base` are rows of :func:`evaluate`; those of one training seed (and fold, where
    there are folds) are paired, episode by episode.

    Raises:
        InputError: a row without its counterpart.

    Example:
        >>> row = {"train_seed": 0, "rewards": [3.0, 4.0]}
        >>> paired_difference([row], [{"train_seed": 0, "rewards": [4.0, 4.0]}])
        [[-1.0, 0.0]]
    """
    counterparts = {(row.get("fold"), row["train_seed"]): row["rewards"] for row in base}
    found = []
    for row in rows:
        other = counterparts.get((row.get("fold"), row["train_seed"]))
        if other is None or len(other) != len(row["rewards"]):
            raise InputError(
                f"rows: expected the same episodes with training seed {row['train_seed']} in both"
            )
        found.append([a - b for a, b in zip(row["rewards"], other, strict=True)])
    return found


def _trailing(values: np.ndarray, window: int) -> np.ndarray:
    """Sum of the last `window` values at each step."""
    total: np.ndarray = np.concatenate([[0.0], np.cumsum(values)])
    end = np.arange(1, len(total))
    sums: np.ndarray = total[end] - total[np.maximum(end - window, 0)]
    return sums
