"""Environments, policies and operators that behave strangely, drawn by a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Space, Tuple, flatten

from mac_control.layout import by_name
from mac_control.operators import Operator
from mac_control.partial import PartialAction
from mac_control.policies import Policy

#: Share of the return values that are wrong, not just unusual.
WRONG = 0.02


def action_box(rng: np.random.Generator) -> Box:
    """A finite box of 1 to 4 dimensions: symmetric, one-sided, tiny, large, or whole numbers."""
    size = int(rng.integers(1, 5))
    if rng.random() < 0.15:
        low = rng.integers(-5, 1, size)
        return Box(low, low + rng.integers(1, 6, size), dtype=rng.choice([np.int32, np.int64]))
    width = 10.0 ** rng.uniform(-6, 6, size)
    low = rng.choice([np.zeros(size), -width, width, -width / 3])
    kind = rng.choice([np.float32, np.float64])
    low, high = low.astype(kind), (low + width).astype(kind)
    return Box(low, np.where(high > low, high, low + 1).astype(kind), dtype=kind)


def obs_space(rng: np.random.Generator, depth: int = 0) -> Space[Any]:
    """A flat Box, or Dicts and Tuples of Boxes, names in any order."""
    kind = rng.random()
    if kind < (0.6 if depth == 0 else 0.5) or depth == 3:
        nested = depth > 0
        shape = tuple(rng.integers(1, 4, rng.integers(0 if nested else 1, 3 if nested else 2)))
        return Box(-np.inf, np.inf, shape, rng.choice([np.float32, np.float64]))
    parts = [obs_space(rng, depth + 1) for _ in range(rng.integers(1, 4))]
    if kind < 0.85:
        names = rng.permutation(["z", "a", "B", "_", "10", "9", "é"])[: len(parts)].tolist()
        return Dict(list(zip(names, parts, strict=True)))
    return Tuple(parts)


class StrangeEnv(gymnasium.Env):
    """Returns its own buffers, changes its arguments, and returns odd types.

    `sent` holds copies of the observations as they should be recorded, `got` of the actions.
    """

    metadata: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.observation_space = obs_space(rng)
        self.action_space = action_box(rng)
        self.sent: list[np.ndarray] = []
        self.got: list[np.ndarray] = []
        self.outside = 0
        self._buffers: dict[str, np.ndarray] = {}
        self._info: dict[str, Any] = {}
        self._handed: list[np.ndarray] = []
        self._strange = rng.random() < 0.7
        self._wrong = rng.random() < 0.4

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.sent, self.got = [], []
        self._spoil()
        obs, info = self._obs(), self._told()
        return obs if self._errs() else (obs, info)

    def step(self, action: Any) -> Any:
        self.got.append(np.array(action))
        self.outside += not self.action_space.contains(action)
        if self.rng.random() < 0.3:
            action[...] = 77  # changes its argument
        self._spoil()
        if self._errs():
            raise RuntimeError("the motor\nis hot")
        answer = [self._obs(), self._reward(), self._flag(0.1), self._flag(0.1), self._told()]
        return answer[:4] if self._errs() else tuple(answer)

    def _errs(self) -> bool:
        return self._wrong and bool(self.rng.random() < WRONG)

    def _spoil(self) -> None:
        """Change every array that was returned."""
        for array in self._handed:
            array[...] = -99
        self._handed.clear()

    def _obs(self) -> Any:
        value = self._value(self.observation_space, "")
        ordered = by_name(self.observation_space)
        self.sent.append(np.array(flatten(ordered, value), np.float64))
        if self._errs():
            return self._one_of(None, "warm", [], float("nan"), np.full(9, np.nan), {"no part": 1})
        if self._strange and isinstance(value, np.ndarray) and self.rng.random() < 0.3:
            return value.tolist() if self.rng.random() < 0.5 else tuple(value)
        return value

    def _value(self, space: Space[Any], path: str) -> Any:
        if isinstance(space, Dict):
            names = self.rng.permutation(list(space)).tolist()
            return {name: self._value(space[name], f"{path}/{name}") for name in names}
        if isinstance(space, Tuple):
            return tuple(self._value(p, f"{path}/{i}") for i, p in enumerate(space.spaces))
        buffer = self._buffers.setdefault(path, np.zeros(space.shape, space.dtype))
        buffer[...] = self.rng.normal(size=space.shape) * 10.0 ** self.rng.integers(-6, 6)
        self._handed.append(buffer)
        return buffer

    def _reward(self) -> Any:
        value = float(self.rng.normal())
        if self._errs():
            return self._one_of(None, "much", float("nan"), np.zeros(2), 10**400, [])
        array = np.array([value])
        if self._strange:
            self._handed.append(array)
            return self._one_of(value, np.float32(value), array, np.array(value), 1, True)
        return value

    def _flag(self, share: float) -> Any:
        value = bool(self.rng.random() < share)
        if self._errs():
            return self._one_of(None, "no", np.zeros(2, bool), [])
        kinds = value, np.bool_(value), np.array([value]), int(value)
        return self._one_of(*kinds) if self._strange else value

    def _told(self) -> Any:
        """The same dictionary each time, changed."""
        if not self._strange:
            return {}
        self._info.clear()
        self._info["tasks_done"] = self._one_of(None, [], ("a",), {"a", "b"}, np.array(["a"]), 3)
        self._info["success"] = self._one_of(None, True, np.bool_(False), np.array([1]), "yes", [])
        return None if self.rng.random() < 0.1 else self._info

    def _one_of(self, *values: Any) -> Any:
        return values[self.rng.integers(len(values))]


class StrangePolicy(Policy):
    """Returns odd types from a buffer of its own, and changes its arguments."""

    def __init__(self, rng: np.random.Generator, obs_dim: int, space: Box) -> None:
        self.rng, self.obs_dim = rng, obs_dim
        self.low, self.high = space.low.astype(np.float32), space.high.astype(np.float32)
        self.stateful = bool(rng.random() < 0.3)
        self._wrong = rng.random() < 0.4
        self._buffer: dict[tuple[int, ...], np.ndarray] = {}

    def complete(self, obs: np.ndarray, partial: PartialAction) -> Any:
        shape = partial.values.shape
        buffer = self._buffer.setdefault(shape, np.zeros(shape, np.float32))
        buffer[...] = self.rng.uniform(self.low, self.high, shape) * self.rng.choice([1, 1.5])
        if obs.flags.writeable and self.rng.random() < 0.3:
            obs[...] = 55
        answers = None, "left", np.full(shape, np.nan), np.zeros(7), np.zeros((2, 3, 1))
        return self._answer(buffer, buffer.tolist(), buffer.astype(np.float64), wrong=answers)

    def log_prob(self, obs: np.ndarray, partial: PartialAction) -> Any:
        value = np.zeros(len(partial.values))
        return self._answer(value, None, value - np.inf, wrong=("low", np.zeros(5), np.nan * value))

    def _answer(self, *values: Any, wrong: tuple[Any, ...]) -> Any:
        if self._wrong and self.rng.random() < WRONG:
            if self.rng.random() < 0.3:
                raise ValueError("no\nidea")
            values = wrong
        return values[self.rng.integers(len(values))]


class StrangeOperator(Operator):
    """Gives values, also beyond the box, from a buffer that it changes later; `gave` has copies."""

    def __init__(self, rng: np.random.Generator, space: Box) -> None:
        self.rng, self.space = rng, space
        self.gave: list[PartialAction] = []
        self._values = np.zeros(space.shape)
        self._given = np.zeros(space.shape, bool)
        self._wrong = rng.random() < 0.4

    def reset(self, seed: int | None = None) -> None:
        self.gave = []

    def read(self, obs: np.ndarray) -> Any:
        obs[...] = 44
        middle, half = (
            (self.space.high + self.space.low) / 2,
            (self.space.high - self.space.low) / 2,
        )
        self._values[...] = middle + half * self.rng.normal(0, 1.5, self.space.shape)
        self._given[...] = self.rng.random(self.space.shape) < 0.5
        if self._wrong and self.rng.random() < WRONG:
            self._values[0] = self.rng.choice([np.nan, np.inf, 1e300])
            self._given[0] = True
        partial = PartialAction(self._values, self._given)
        self._values[...], self._given[...] = -3, True
        self.gave.append(PartialAction(partial.values, partial.given))
        if self._wrong and self.rng.random() < WRONG:
            wrong: list[Callable[[], Any]] = [
                lambda: None,
                lambda: partial.values,
                lambda: PartialAction.nothing(9),
                lambda: 1 / 0,
            ]
            return wrong[self.rng.integers(len(wrong))]()
        return partial
