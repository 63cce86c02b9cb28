"""The record of one episode of shared autonomy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mac_control.errors import InputError


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One episode: observations, given entries, actions and rewards.

    Args:
        observations: `(T, O)`, each seen before the action of the same row.
        given: `(T, D)` boolean, which entries the operator gave.
        values: `(T, D)`, the operator's values; 0 where not given.
        actions: `(T, D)`, what went to the environment.
        rewards: `(T,)`
        log_prob: `(T,)` log-likelihood of the given entries [nats], 0 where there are none; None
            where the policy has no density, or nothing was ever given.
        task_steps: number of steps after which each subtask was complete, in order; empty where
            the environment reports none.
        success: as the environment reports it; None where it does not.
        seed: of the episode.
        wrong: `(T,)` boolean, where a simulated operator was wrong on purpose.
        goal: the subtasks that a simulated operator privately wanted; None: all.
        counts_subtasks: whether the environment reports subtasks, so that rewards count them.
        box: ends of the environment's action box, `(D,)` each; None where unknown.

    Raises:
        InputError: lengths that differ.
    """

    observations: np.ndarray
    given: np.ndarray
    values: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    log_prob: np.ndarray | None
    task_steps: dict[str, int]
    success: bool | None
    seed: int
    wrong: np.ndarray | None = None
    goal: tuple[str, ...] | None = None
    box: tuple[np.ndarray, np.ndarray] | None = None
    counts_subtasks: bool = False

    def __post_init__(self) -> None:
        arrays = (self.observations, self.given, self.values, self.actions, self.rewards)
        lengths = [len(array) for array in arrays]
        if self.log_prob is not None:
            lengths.append(len(self.log_prob))
        if len(set(lengths)) > 1 or lengths[0] == 0:
            raise InputError(f"trajectory: expected one length of at least 1, got {lengths}")
        if not self.given.shape == self.values.shape == self.actions.shape:
            raise InputError(
                "trajectory: expected one shape of given, values and actions, got "
                f"{self.given.shape}, {self.values.shape} and {self.actions.shape}"
            )

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def reward(self) -> float:
        """Sum of the rewards."""
        return float(self.rewards.sum())

    @property
    def measured(self) -> str:
        """What the reward is: `subtasks` done, or the `return`."""
        return "subtasks" if self.counts_subtasks else "return"

    @property
    def effort(self) -> float:
        """Share of the action entries that the operator gave, in [0, 1]."""
        return float(self.given.mean())
