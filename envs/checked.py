"""Errors of a policy, an operator or an environment, attributed in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from mac_control.envs.contract import own_flag, own_info, own_obs, own_reward
from mac_control.errors import EpisodeError, one_line


@contextmanager
def attribute_errors(
    who: str, culprit: Any, when: str, but: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Make every error within the block name what failed, and when.

    Raises:
        EpisodeError: for any error except those in `but`.

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
    """An environment with answers in one form, and with errors that say where they come from.

    It returns copies, and passes on a copy of the action: see :mod:`mac_control.envs.contract`.

    Raises:
        EpisodeError: from `reset` and `step`.
    """

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self._seed, self._steps = seed, 0
        with attribute_errors("environment", self.env, f"at the reset of seed {seed}"):
            obs, info = self.env.reset(seed=seed, options=options)
            return own_obs(self._space, obs), own_info(info)

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        when = f"at step {self._steps} of the episode of seed {self._seed}"
        with attribute_errors("environment", self.env, when):
            obs, reward, terminated, truncated, info = self.env.step(action.copy())
            answer = (
                own_obs(self._space, obs),
                own_reward(reward),
                own_flag("terminated", terminated),
                own_flag("truncated", truncated),
                own_info(info),
            )
        self._steps += 1
        return answer

    def observe(self) -> Any:
        """The current observation, from an environment that is :class:`Observable`."""
        with attribute_errors("environment", self.env, f"when observed after step {self._steps}"):
            return own_obs(self._space, self.env.unwrapped.observe())  # type: ignore[attr-defined]

    @property
    def _space(self) -> Box:
        space = self.env.observation_space
        assert isinstance(space, Box)  # as check_fit found
        return space
