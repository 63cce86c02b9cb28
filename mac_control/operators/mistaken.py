"""An operator that for a while drives towards the wrong subtask."""

from __future__ import annotations

import numpy as np

from mac_control.demonstrations import Demonstrations, Episode
from mac_control.operators.base import Operator
from mac_control.operators.tracker import Tracker
from mac_control.operators.wrapper import OperatorWrapper, checked
from mac_control.partial import PartialAction

#: Frames of a demonstration further apart than this share of it belong to different subtasks.
APART = 0.25


class Wrong(OperatorWrapper):
    """Now and then drives towards another subtask, by tracking a distant piece of a demonstration.

    A spell begins with probability 1 / `every` at each step and lasts `length` steps. The frame
    nearest to the observation shows the progress of the task; the piece begins at least a quarter
    of a demonstration before or after it, in a demonstration drawn at random. The given dimensions
    are those that the wrapped operator gives.

    Args:
        demonstrations: pieces of these are tracked.
        every: mean number of right steps between two spells.
        length: steps of a spell.
        gain: scale of the tracker's feedback.
    """

    def __init__(
        self,
        operator: Operator,
        demonstrations: Demonstrations,
        every: float = 75.0,
        length: int = 25,
        gain: float = 1.0,
    ) -> None:
        super().__init__(operator)
        self.demonstrations, self.gain = demonstrations, gain
        self.every, self.length = checked("every", every, 1), int(checked("length", length, 1))
        self._phases = np.concatenate([np.arange(len(e)) / len(e) for e in demonstrations])
        self._frames = demonstrations.observations
        self._spread = self._frames.std(0) + 1e-3
        self._left = 0
        self._other: Tracker | None = None

    @property
    def wrong(self) -> bool:  # type: ignore[override]
        """Whether the last reading was wrong."""
        return self._other is not None or self.operator.wrong

    def reset(self, seed: int | None = None) -> None:
        super().reset(seed)
        self._left, self._other = 0, None

    def read(self, obs: np.ndarray) -> PartialAction:
        partial = self.operator.read(obs)
        if self._left == 0 and self.rng.random() < 1 / self.every:
            self._left, self._other = self.length, self._elsewhere(obs)
        elif self._left == 0:
            self._other = None
        if self._other is None:
            return partial
        self._left -= 1
        return PartialAction(self._other.read(obs).values, partial.given, partial.std)

    def _elsewhere(self, obs: np.ndarray) -> Tracker:
        away = ((self._frames - np.asarray(obs)) / self._spread) ** 2
        now = self._phases[away.sum(1).argmin()]
        choices = np.array([p for p in np.arange(0, 0.9, 0.05) if abs(p - now) >= APART])
        episode: Episode = self.demonstrations[int(self.rng.integers(len(self.demonstrations)))]
        start = int(self.rng.choice(choices) * len(episode))
        piece = Episode(episode.observations[start:], episode.actions[start:])
        one = Demonstrations([piece], robot=self.demonstrations.robot)
        return Tracker(one, gain=self.gain, demonstration=0)
