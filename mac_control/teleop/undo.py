"""Going back in an environment that can restore an earlier state."""

from __future__ import annotations

from collections import deque
from typing import Any

import gymnasium

from mac_control.envs.abilities import Undoable
from mac_control.errors import InputError

#: How much of an episode can be undone [s].
UNDO_SECONDS = 20.0


class Undo:
    """The last 20 s of an episode, step by step, where the environment can be restored.

    Args:
        env: the environment; nothing is kept unless it is `Undoable`.
        rate: control steps per second [Hz].
    """

    def __init__(self, env: gymnasium.Env, rate: float) -> None:
        self.env, self.rate = env.unwrapped, rate
        self._past: deque[tuple[Any, Any]] = deque(maxlen=int(UNDO_SECONDS * rate) + 1)

    def steps(self, seconds: float) -> int:
        """How many of the last steps are that long, of those that are kept.

        Raises:
            InputError: not a number of at least 0.
        """
        if not isinstance(seconds, int | float) or not seconds >= 0:
            raise InputError(f"undo: expected seconds, got {seconds!r}")
        return round(min(len(self._past), seconds * self.rate))

    def clear(self) -> None:
        """Forget all steps: a new episode begins."""
        self._past.clear()

    def keep(self, state: Any) -> None:
        """Keep the environment as it is before a step, and the loop's own `state` there."""
        if isinstance(self.env, Undoable):
            self._past.append((self.env.snapshot(), state))

    def back(self, steps: int) -> Any:
        """Restore the environment `steps` steps ago, at least 1; returns the state kept there."""
        for _ in range(steps):
            snapshot, state = self._past.pop()
        assert isinstance(self.env, Undoable)  # or nothing would have been kept
        self.env.restore(snapshot)
        return state
