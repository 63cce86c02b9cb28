"""Whose fault it was: errors of a policy, an operator or an environment become one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, SupportsFloat

import gymnasium
import numpy as np

from mac_control.errors import EpisodeError, one_line


@contextmanager
def attribute_errors(
    who: str, culprit: Any, when: str, but: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Whatever is raised within the block names the one who failed, and when.

    Raises:
        EpisodeError: for any error, `but` for these.

    Example:
        >>> with attribute_errors("policy", 1, "at step 3"):
        ...     1 / 0
        Traceback (most recent call last):
        mac_control.errors.EpisodeError: policy int, at step 3: ZeroDivisionError: division by zero
    """
    try:
        yield
    except but:
        raise
    except Exception as error:
        name = type(getattr(culprit, "unwrapped", culprit)).__name__
        raise EpisodeError(f"{who} {name}, {when}: {one_line(error)}") from error


class Checked(gymnasium.Wrapper):
    """An environment whose errors, and answers that are not finite, say where they come from.

    Raises:
        EpisodeError: from `reset` and `step`.
    """

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self._seed, self._steps = seed, 0
        with attribute_errors("environment", self.env, f"at the reset of seed {seed}"):
            obs, info = self.env.reset(seed=seed, options=options)
            _expect_finite("observations", obs)
        return obs, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        when = f"at step {self._steps} of the episode of seed {self._seed}"
        with attribute_errors("environment", self.env, when):
            obs, reward, terminated, truncated, info = self.env.step(action)
            _expect_finite("observations", obs)
            _expect_finite("reward", reward)
        self._steps += 1
        return obs, reward, terminated, truncated, info


def _expect_finite(name: str, value: Any) -> None:
    array = np.asarray(value)
    if not np.isfinite(array).all():
        at = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
        raise EpisodeError(f"expected finite {name}, got {array[at]} at {at}")
