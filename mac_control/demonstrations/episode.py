"""The in-memory form of demonstrations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mac_control.errors import DataError, InputError
from mac_control.robot import Robot
from mac_control.seeds import whole_seed


@dataclass(frozen=True, eq=False)
class Episode:
    """One demonstration: observations, and the actions taken.

    Args:
        observations: `(T, O)` float32.
        actions: `(T, D)` float32; what the demonstrator does, and what a policy learns.
        executed: `(T, D)` float32; what was actually sent to the robot where that differs (noise,
            an interrupting operator). A model conditions on these. Default: `actions`.
        rewards: `(T,)` float32, as recorded, or None.
        subtasks: `(T,)` str, the subtask that the demonstrator is doing, "" for none; or None.
        given: `(T, D)` bool; which dimensions an operator gave. A model conditions on these or
            some of them. Default: any dimension may be given.
        failed: whether the episode was marked as failed when it was recorded.

    Raises:
        DataError: shapes that do not fit, or a number that is not finite.
    """

    observations: np.ndarray
    actions: np.ndarray
    executed: np.ndarray | None = None
    rewards: np.ndarray | None = None
    subtasks: np.ndarray | None = None
    given: np.ndarray | None = None
    failed: bool = False

    def __post_init__(self) -> None:
        for name in ("observations", "actions", "executed", "rewards"):
            value = getattr(self, name)
            if value is None:
                continue
            with np.errstate(over="ignore"):  # overflow is reported below
                value = np.ascontiguousarray(value, dtype=np.float32)
            ndim = 1 if name == "rewards" else 2
            if value.ndim != ndim or len(value) != len(self.observations) or len(value) == 0:
                raise DataError(
                    f"{name}: expected {ndim} axes and {len(self.observations)} > 0 steps, "
                    f"got shape {value.shape}"
                )
            if not np.isfinite(value).all():
                step = int(np.argwhere(~np.isfinite(value))[0][0])
                raise DataError(
                    f"{name}: expected finite numbers, got one that is not, or is beyond float32, "
                    f"at step {step}"
                )
            object.__setattr__(self, name, value)
        if self.executed is None:
            object.__setattr__(self, "executed", self.actions)
        elif self.executed.shape != self.actions.shape:
            raise DataError(
                f"executed: expected the shape of actions {self.actions.shape}, "
                f"got {self.executed.shape}"
            )

        every = np.broadcast_to(True, self.actions.shape)
        given = every if self.given is None else np.asarray(self.given, bool)
        if given.shape != self.actions.shape:
            raise DataError(
                f"given: expected the shape of actions {self.actions.shape}, got {given.shape}"
            )
        object.__setattr__(self, "given", given)
        if self.subtasks is not None:
            subtasks = np.asarray(self.subtasks, dtype=np.str_)
            if subtasks.shape != (len(self.observations),):
                raise DataError(
                    f"subtasks: expected shape ({len(self.observations)},), got {subtasks.shape}"
                )
            object.__setattr__(self, "subtasks", subtasks if (subtasks != "").any() else None)

    def __len__(self) -> int:
        return len(self.observations)


class EpisodeFile(Sequence[Episode]):
    """Episodes read from a file on demand: data larger than memory."""

    obs_dim: int
    action_dim: int
    #: Steps of each episode, `(E,)`.
    lengths: np.ndarray
    #: Names of the subtasks that steps carry.
    subtasks: tuple[str, ...]
    #: Which episodes were marked as failed, `(E,)`.
    failed: np.ndarray
    #: The same for the same episodes alone.
    key: str

    @abstractmethod
    def select(self, indices: Sequence[int]) -> EpisodeFile:
        """The episodes at these indices."""

    @abstractmethod
    def take(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """The steps `rows` `(B,)`.

        Observations `(B, O)`; actions, executed actions and given `(B, D)`; indices into
        `subtasks` `(B,)`, -1 where there is none.
        """


@dataclass(frozen=True, eq=False)
class Demonstrations:
    """Episodes with the names of the subtasks they are scored on, and where they came from.

    Args:
        episodes: at least one; all with the same observation and action sizes. An `EpisodeFile`
            is not read into memory, except by properties that join all steps, such as `actions`.
        tasks: names of the subtasks that are rewarded; empty where unknown.
        provenance: where the data came from (source, checksum, how they were made); JSON values.
        robot: the robot that was driven; None where unknown.
        weights: `(E,)`, how often the steps of each episode are drawn in training, relative to
            the others; None: equally often.
        sets: `(E,)` integers, the mixed set that each episode is from: a selection of episodes
            draws from each set as often as the whole does. None: not mixed.

    Raises:
        DataError: no episodes, sizes that differ, or a robot, weights or sets of other sizes.

    Example:
        >>> episode = Episode(np.zeros((5, 3)), np.zeros((5, 2)))
        >>> demonstrations = Demonstrations([episode, episode])
        >>> demonstrations.observations.shape, demonstrations.actions.shape
        ((10, 3), (10, 2))
    """

    episodes: Sequence[Episode]
    tasks: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    robot: Robot | None = None
    weights: np.ndarray | None = None
    sets: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(self.tasks))
        for name in ("weights", "sets"):
            value = getattr(self, name)
            if value is not None and np.shape(value) != (len(self.episodes),):
                raise DataError(
                    f"{name}: expected one for each of {len(self.episodes)} episodes, "
                    f"got shape {np.shape(value)}"
                )
        if isinstance(self.episodes, EpisodeFile):  # checked when it was written
            self._check_robot()
            return
        object.__setattr__(self, "episodes", tuple(self.episodes))
        if not self.episodes:
            raise DataError("demonstrations: expected at least one episode, got none")
        sizes = {(e.observations.shape[1], e.actions.shape[1]) for e in self.episodes}
        if len(sizes) > 1:
            raise DataError(
                f"demonstrations: expected one observation and action size, got {sorted(sizes)}"
            )
        self._check_robot()

    def _check_robot(self) -> None:
        if self.robot is not None:
            try:
                self.robot.expect(self.obs_dim, self.action_dim)
            except InputError as error:
                raise DataError(f"demonstrations: {error}") from error

    def __len__(self) -> int:
        return len(self.episodes)

    def __iter__(self) -> Iterator[Episode]:
        return iter(self.episodes)

    def __getitem__(self, index: int) -> Episode:
        return self.episodes[index]

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each episode, `(E,)`."""
        if isinstance(self.episodes, EpisodeFile):
            return self.episodes.lengths
        return np.array([len(episode) for episode in self.episodes])

    @property
    def failed(self) -> np.ndarray:
        """Which episodes were marked as failed, `(E,)`."""
        if isinstance(self.episodes, EpisodeFile):
            return self.episodes.failed
        return np.array([episode.failed for episode in self.episodes])

    @property
    def obs_dim(self) -> int:
        """Size of an observation, O."""
        return int(self.episodes[0].observations.shape[1])

    @property
    def action_dim(self) -> int:
        """Number of action dimensions, D."""
        return int(self.episodes[0].actions.shape[1])

    @property
    def observations(self) -> np.ndarray:
        """All steps, `(N, O)`."""
        return np.concatenate([e.observations for e in self.episodes])

    @property
    def actions(self) -> np.ndarray:
        """All steps, `(N, D)`: what a policy learns."""
        return np.concatenate([e.actions for e in self.episodes])

    @property
    def executed(self) -> np.ndarray:
        """All steps, `(N, D)`: what a model conditions on."""
        return np.concatenate([e.executed for e in self.episodes])

    @property
    def given(self) -> np.ndarray:
        """All steps, `(N, D)`: which dimensions may be given."""
        return np.concatenate([e.given for e in self.episodes])

    @property
    def subtasks(self) -> tuple[str, ...]:
        """Names of the demonstrators' subtasks, from the episodes that have them."""
        if isinstance(self.episodes, EpisodeFile):
            return self.episodes.subtasks
        known = (e.subtasks for e in self.episodes if e.subtasks is not None)
        return tuple(sorted({str(name) for part in known for name in np.unique(part)} - {""}))

    @property
    def subtask_numbers(self) -> np.ndarray:
        """All steps, `(N,)`: indices into `subtasks`, -1 where there is none."""
        names = np.array(self.subtasks)
        order = np.argsort(names)  # a file lists them in order of appearance

        def places(episode: Episode) -> np.ndarray:
            if episode.subtasks is None:
                return np.full(len(episode), -1)
            at = np.searchsorted(names, episode.subtasks, sorter=order)
            return np.where(episode.subtasks == "", -1, order[at % len(order)])

        return np.concatenate([places(episode) for episode in self.episodes])

    def select(self, indices: Sequence[int]) -> Demonstrations:
        """The episodes at these indices; each mixed set is drawn as often as before."""
        if isinstance(self.episodes, EpisodeFile):
            chosen: Sequence[Episode] = self.episodes.select(indices)
        else:
            chosen = [self.episodes[i] for i in indices]
        at = np.asarray(indices, int)
        weights = None if self.weights is None else self.weights[at]
        sets = None if self.sets is None else self.sets[at]
        if self.weights is not None and self.sets is not None:
            drawn, of = self.weights * self.lengths, self.sets[at]
            whole, part = np.bincount(self.sets, drawn), np.bincount(of, drawn[at])
            weights = self.weights[at] * (whole[of] / part[of])
        return replace(self, episodes=chosen, weights=weights, sets=sets)

    def split(self, validation: float, seed: int) -> tuple[Demonstrations, Demonstrations | None]:
        """Split into training and validation by whole episodes, chosen by `seed`.

        `validation` is the share held out, in [0, 1): at least one episode where it is above 0.
        The second part is None where nothing is held out. At least one episode of each mixed set
        stays in training.
        """
        if not 0 <= validation < 1:
            raise InputError(f"validation: expected a share in [0, 1), got {validation}")
        if validation == 0:
            return self, None
        held_out = max(1, round(validation * len(self)))
        order = np.random.default_rng(whole_seed(seed)).permutation(len(self)).tolist()
        last = {0 if self.sets is None else self.sets[i]: i for i in order}.values()
        order = [i for i in order if i not in last] + [*last]
        if held_out > len(self) - len(last):
            of = f"{len(self)}" if self.sets is None else f"each of {len(last)} sets"
            raise InputError(
                f"validation: expected a share that leaves an episode of {of} to train on, "
                f"got {validation}"
            )
        return self.select(sorted(order[held_out:])), self.select(sorted(order[:held_out]))
