"""An operator that tracks a demonstration as if another person had given it."""

from __future__ import annotations

import numpy as np

from mac_control.demonstrations import Demonstrations, Episode
from mac_control.errors import InputError
from mac_control.operators.tracker import Tracker


class Varied(Tracker):
    """Tracks a demonstration stretched in time, shifted in space, and continued by another.

    It gives practice many more operators than there are demonstrations. At each reset it draws a
    pace between 1/`stretch` and `stretch`, by which velocities are scaled; a normal offset of each
    tracked position, with `shift` times its spread over the demonstration; and with probability
    `mix` a frame in the middle half, from which it continues with another demonstration, at the
    most similar frame of that one.

    Args:
        demonstrations, gain, ahead, resync: as in :class:`Tracker`.
        stretch: largest pace, at least 1.
        shift: scale of offsets, as a share of the spread of positions.
        mix: probability of continuing with another demonstration.

    Raises:
        InputError: as :class:`Tracker`, or a setting out of range.

    Example:
        >>> from mac_control.robot import ActionDim, Robot
        >>> arm = Robot("arm", (ActionDim("j", kind="joint_velocity", position=0, gain=0.0),))
        >>> moves = Episode(np.linspace(0, 1, 50)[:, None], np.full((50, 1), 0.1))
        >>> operator = Varied(Demonstrations([moves], robot=arm), stretch=2.0, shift=0.0, mix=0.0)
        >>> operator.reset(seed=1)
        >>> len(operator.episode), operator.read(np.zeros(1)).values.round(3).tolist()
        (42, [0.11699999868869781])
    """

    def __init__(
        self,
        demonstrations: Demonstrations,
        stretch: float = 1.3,
        shift: float = 0.05,
        mix: float = 0.5,
        gain: float = 1.0,
        ahead: int = 5,
        resync: bool = False,
    ) -> None:
        if not 1 <= stretch < np.inf:
            raise InputError(f"stretch: expected a finite number of at least 1, got {stretch}")
        if not 0 <= shift < np.inf:
            raise InputError(f"shift: expected a finite number of at least 0, got {shift}")
        if not 0 <= mix <= 1:
            raise InputError(f"mix: expected a probability, got {mix}")
        self.stretch, self.shift, self.mix = stretch, shift, mix
        super().__init__(demonstrations, gain, ahead, resync=resync)

    def reset(self, seed: int | None = None) -> None:
        """Draw a demonstration and its variation from `seed`."""
        super().reset(seed)
        rng = np.random.default_rng(None if seed is None else [1, seed])
        episode = self.episode
        if rng.random() < self.mix:
            episode = self._mixed(episode, rng)
        pace = self.stretch ** rng.uniform(-1, 1)
        self.episode = self._shifted(self._stretched(episode, pace), rng)

    def _mixed(self, episode: Episode, rng: np.random.Generator) -> Episode:
        quarter = len(episode) // 4
        left = int(rng.integers(quarter, max(quarter + 1, len(episode) - quarter)))
        other = self.demonstrations[int(rng.integers(len(self.demonstrations)))]
        spread = episode.observations.std(0) + 1e-3
        away = (other.observations - episode.observations[left]) / spread
        met = int(np.argmin(np.sum(away**2, axis=1)))
        return Episode(
            np.concatenate([episode.observations[:left], other.observations[met:]]),
            np.concatenate([episode.actions[:left], other.actions[met:]]),
        )

    def _stretched(self, episode: Episode, pace: float) -> Episode:
        frames = np.arange(0, len(episode) - 1 + 1e-9, pace)
        before = np.minimum(frames.astype(int), max(0, len(episode) - 2))
        share = (frames - before)[:, None]

        def at(rows: np.ndarray) -> np.ndarray:
            after = np.minimum(before + 1, len(rows) - 1)
            return np.asarray((1 - share) * rows[before] + share * rows[after], np.float32)

        assert self.demonstrations.robot is not None
        rates = np.array([dim.is_rate for dim in self.demonstrations.robot.actions])
        actions = at(episode.actions) * np.where(rates, pace, 1.0)
        return Episode(at(episode.observations), actions)

    def _shifted(self, episode: Episode, rng: np.random.Generator) -> Episode:
        robot, entries = self.demonstrations.robot, self._feedback.entries
        assert robot is not None
        spread = episode.observations[:, entries].std(0)
        offset = self.shift * spread * rng.standard_normal(len(entries)) * self._feedback.pose
        observations, actions = episode.observations.copy(), episode.actions.copy()
        observations[:, entries] += offset
        target = np.array([robot.actions[dim].is_observed_target for dim in self._feedback.dims])
        actions[:, self._feedback.dims] += offset * target
        return Episode(observations, actions)
