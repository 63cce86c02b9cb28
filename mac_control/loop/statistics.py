"""Intervals that cover both sources of chance: the training seed and the episode."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mac_control.errors import InputError


def bootstrap_interval(
    samples: Sequence[Sequence[float]], *, level: float = 0.95, draws: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over seeds of the mean over episodes.

    Each draw resamples the training seeds with replacement, and within each seed its episodes
    with replacement (one seed: episodes only). With few seeds the interval tends to be too narrow.

    Args:
        samples: for each training seed, one number per episode.
        level: share of the draws within the interval.
        draws: number of draws.
        seed: of the draws.

    Raises:
        InputError: no samples, or one that is not finite.

    Example:
        >>> bootstrap_interval([[2.0, 2.0, 2.0]])
        (2.0, 2.0)
        >>> low, high = bootstrap_interval([[0, 4, 0, 4], [4, 4, 4, 4]])
        >>> low < 3 < high
        True
    """
    arrays = [np.asarray(sample, np.float64) for sample in samples]
    if not arrays or any(a.ndim != 1 or not a.size or not np.isfinite(a).all() for a in arrays):
        raise InputError("samples: expected finite numbers for each of at least one seed")
    rng = np.random.default_rng(seed)
    total = np.zeros(draws)
    for chosen in rng.integers(len(arrays), size=(len(arrays), draws)):
        for index, array in enumerate(arrays):
            rows = np.flatnonzero(chosen == index)
            episodes = rng.integers(len(array), size=(len(rows), len(array)))
            total[rows] += array[episodes].mean(axis=1)
    tail = 50 * (1 - level)
    low, high = np.percentile(total / len(arrays), [tail, 100 - tail])
    return float(low), float(high)


def mean_and_interval(samples: Sequence[Sequence[float]], sign: str = "") -> str:
    """The mean over seeds of the mean over episodes, with its 95 % interval; `sign` "+": signed.

    Raises:
        InputError: as :func:`bootstrap_interval`.

    Example:
        >>> mean_and_interval([[2.0, 2.0], [2.0]], "+")
        '+2.00 [+2.00, +2.00]'
    """
    mean = float(np.mean([np.mean(sample) for sample in samples]))
    return with_interval(mean, bootstrap_interval(samples), sign)


def with_interval(mean: float, interval: Sequence[float], sign: str = "") -> str:
    """A mean with its interval, as text for tables; `sign` "+": signed.

    Example:
        >>> with_interval(3.9, (3.81, 3.98))
        '3.90 [3.81, 3.98]'
    """
    low, high = interval
    return f"{mean:{sign}.2f} [{low:{sign}.2f}, {high:{sign}.2f}]"
