"""Disturbances injected while an expert acts, so that its corrections are demonstrated too."""

from __future__ import annotations

import numpy as np

from mac_control.errors import InputError


class ActionNoise:
    """AR(1) noise on random subsets of the action dimensions.

        n[t] = decay · n[t-1] + step · m[t] · e[t],   e[t] ~ N(0, I)

    The mask `m` is a random subset of 1 to D dimensions, redrawn after `hold` steps on average.
    `step` is drawn per episode, up to `strength`.

    Source: noise injection as in DART (Laskey et al. 2017, arXiv 1703.09327).

    Args:
        action_dim: number of dimensions, D.
        rng: source of all randomness.
        strength: largest standard deviation of a step's innovation, in action units.
        decay: share of the noise that is left after a step, in [0, 1).
        hold: mean number of steps for which a subset is held.

    Example:
        >>> noise = ActionNoise(9, np.random.default_rng(0), strength=0.1)
        >>> noise.sample().shape
        (9,)
    """

    def __init__(
        self,
        action_dim: int,
        rng: np.random.Generator,
        strength: float = 0.12,
        decay: float = 0.9,
        hold: float = 40.0,
    ) -> None:
        if not (np.isfinite(strength) and strength >= 0):
            raise InputError(f"strength: expected a finite number of at least 0, got {strength}")
        if not 0 <= decay < 1:
            raise InputError(f"decay: expected a number in [0, 1), got {decay}")
        if not hold >= 1:
            raise InputError(f"hold: expected at least 1 step, got {hold}")
        self._rng, self._decay, self._hold = rng, decay, hold
        self._step = rng.uniform(0.0, strength)
        self._noise = np.zeros(action_dim)
        self._mask = random_subset(action_dim, rng)

    def sample(self) -> np.ndarray:
        """The noise to add to this step's action, `(D,)`."""
        if self._rng.random() < 1 / self._hold:
            self._mask = random_subset(len(self._mask), self._rng)
        innovation = self._mask * self._rng.standard_normal(len(self._mask))
        self._noise = self._decay * self._noise + self._step * innovation
        return self._noise.copy()


def check_disturbance(noise: float, clean: float, attempts: int) -> None:
    """Raise an InputError where the settings of a collection's noise are out of range.

    Args:
        noise: largest step of the noise.
        clean: share of the episodes without it.
        attempts: simulations of an episode until one is kept.
    """
    if not (np.isfinite(noise) and noise >= 0):
        raise InputError(f"noise: expected a finite number of at least 0, got {noise}")
    if not 0 <= clean <= 1:
        raise InputError(f"clean: expected a share in [0, 1], got {clean}")
    if attempts < 1:
        raise InputError(f"attempts: expected at least 1, got {attempts}")


def random_subset(
    action_dim: int, rng: np.random.Generator, low: int = 1, high: int | None = None
) -> np.ndarray:
    """Boolean mask `(D,)` of `low` to `high` (default: all) dimensions; sizes equally likely."""
    high = action_dim if high is None else high
    if not 0 <= low <= high <= action_dim:
        raise InputError(
            f"low and high: expected 0 <= low <= high <= {action_dim}, got {low} and {high}"
        )
    mask = np.zeros(action_dim, bool)
    mask[rng.choice(action_dim, rng.integers(low, high + 1), replace=False)] = True
    return mask
