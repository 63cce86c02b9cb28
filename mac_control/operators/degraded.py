"""Degraded operators: noisy, late, intermittent or random."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from mac_control.operators.base import Operator
from mac_control.operators.wrapper import OperatorWrapper, checked
from mac_control.partial import PartialAction
from mac_control.robot import Robot


class Noisy(OperatorWrapper):
    """Adds Gaussian noise to the commands, white or drifting.

        n[t] = decay · n[t-1] + √(1 - decay²) · std · e[t],   e[t] ~ N(0, I)

    Args:
        std: standard deviation of the noise, in action units.
        decay: share of the noise that is left after a step, in [0, 1); 0 is white.
    """

    def __init__(self, operator: Operator, std: float = 0.1, decay: float = 0.0) -> None:
        super().__init__(operator)
        self.std = checked("std", std, 0)
        self.decay = checked("decay", decay, 0, 0.9999)
        self._noise: np.ndarray | None = None

    def reset(self, seed: int | None = None) -> None:
        super().reset(seed)
        self._noise = None

    def read(self, obs: np.ndarray) -> PartialAction:
        partial = self.operator.read(obs)
        fresh = self.std * self.rng.standard_normal(partial.values.shape)
        if self._noise is None:
            self._noise = fresh  # with the stationary spread
        else:
            self._noise = self.decay * self._noise + np.sqrt(1 - self.decay**2) * fresh
        return PartialAction(partial.values + self._noise, partial.given, partial.std)


class Held(OperatorWrapper):
    """Repeats a command, and stays as wrong as that was, until a subclass `renews` it."""

    def __init__(self, operator: Operator) -> None:
        super().__init__(operator)
        self._last: PartialAction | None = None
        self._wrong = False

    @property
    def wrong(self) -> bool:  # type: ignore[override]
        return self._wrong

    def reset(self, seed: int | None = None) -> None:
        super().reset(seed)
        self._last = None

    def read(self, obs: np.ndarray) -> PartialAction:
        partial = self.operator.read(obs)
        if self._last is None or self.renews():
            self._last, self._wrong = partial, self.operator.wrong
        return self._last

    @abstractmethod
    def renews(self) -> bool:
        """Whether the present command replaces the last one; asked once per step but the first."""


class Laggy(Held):
    """Repeats the last command with probability `p`, drawn at each step."""

    def __init__(self, operator: Operator, p: float = 0.5) -> None:
        super().__init__(operator)
        self.p = checked("p", p, 0, 1)

    def renews(self) -> bool:
        return bool(self.rng.random() >= self.p)


class LowRate(Held):
    """Gives a new command every `every` steps, and repeats it in between."""

    def __init__(self, operator: Operator, every: int = 5) -> None:
        super().__init__(operator)
        self.every = int(checked("every", every, 1))
        self._step = 0

    def reset(self, seed: int | None = None) -> None:
        super().reset(seed)
        self._step = 0

    def renews(self) -> bool:
        self._step += 1
        return self._step % self.every == 0


class Intermittent(OperatorWrapper):
    """Takes the hands off and on again.

    Args:
        on, off: mean number of steps with hands on and off; either ends at each step with
            probability 1 / mean.
    """

    def __init__(self, operator: Operator, on: float = 25.0, off: float = 25.0) -> None:
        super().__init__(operator)
        self.on, self.off = checked("on", on, 1), checked("off", off, 1)
        self._hands_on: bool | None = None

    def reset(self, seed: int | None = None) -> None:
        super().reset(seed)
        self._hands_on = None

    def read(self, obs: np.ndarray) -> PartialAction:
        partial = self.operator.read(obs)
        if self._hands_on is None:
            self._hands_on = bool(self.rng.random() < self.on / (self.on + self.off))
        elif self.rng.random() < 1 / (self.on if self._hands_on else self.off):
            self._hands_on = not self._hands_on
        return partial if self._hands_on else partial.restrict(np.zeros_like(partial.given))


class RandomOperator(Operator):
    """Gives every dimension, uniformly at random in the action box.

    Args:
        action_dim: number of action dimensions, D.
        hold: steps for which a command is held.
        robot: robot with the action box; None: [-1, 1].

    Example:
        >>> operator = RandomOperator(action_dim=2)
        >>> operator.reset(seed=0)
        >>> operator.read(np.zeros(3)).given.tolist()
        [True, True]
    """

    wrong = True

    def __init__(self, action_dim: int, hold: int = 1, robot: Robot | None = None) -> None:
        self.action_dim, self.hold = action_dim, int(checked("hold", hold, 1))
        self._box: tuple[Any, Any] = (-1.0, 1.0) if robot is None else (robot.low, robot.high)
        self.reset(0)

    def reset(self, seed: int | None = None) -> None:
        self._rng, self._step = np.random.default_rng(seed), 0

    def read(self, obs: np.ndarray) -> PartialAction:
        if self._step % self.hold == 0:
            self._last = PartialAction.everything(self._rng.uniform(*self._box, self.action_dim))
        self._step += 1
        return self._last
