"""Intervals that cover each source of chance: the fold, the training seed and the episode."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from mac_control.errors import InputError


def bootstrap_interval(
    samples: Sequence[Sequence[float]],
    *,
    folds: Sequence[Hashable] | None = None,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over samples of their means over episodes.

    Training seeds are rated on the same episodes: each draw resamples both with replacement, and
    the episodes once for all seeds (the pigeonhole bootstrap, which is too wide rather than too
    narrow where seeds have little in common; Owen, Annals of Applied Statistics, 2007). Folds have
    other episodes: each draw resamples the folds, and seeds and episodes within each. Few folds or
    seeds make the interval too narrow.

    Args:
        samples: for each training seed of each fold, one number per episode.
        folds: the fold of each sample; None: all of one fold. Samples of one fold that differ
            in length are not of the same episodes, and count as of folds of their own.
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
    parts: dict[Any, list[np.ndarray]] = {}
    for fold, array in zip(folds or [None] * len(arrays), arrays, strict=True):
        parts.setdefault((fold, len(array)), []).append(array)
    rng = np.random.default_rng(seed)
    total, count = np.zeros(draws), np.zeros(draws)
    for chosen in rng.integers(len(parts), size=(len(parts), draws)):
        for index, part in enumerate(parts.values()):
            rows = np.flatnonzero(chosen == index)
            total[rows] += len(part) * _drawn_means(np.array(part), len(rows), rng)
            count[rows] += len(part)
    tail = 50 * (1 - level)
    low, high = np.percentile(total / count, [tail, 100 - tail])
    return float(low), float(high)


def _drawn_means(values: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Means `(draws,)` of `values` (S, E) with its rows and its columns drawn anew each time."""
    seeds, episodes = values.shape
    if seeds == 1:
        alone: np.ndarray = values[0][rng.integers(episodes, size=(draws, episodes))].mean(axis=1)
        return alone
    rows, columns = (rng.multinomial(n, np.full(n, 1 / n), draws) for n in (seeds, episodes))
    means: np.ndarray = ((rows @ values) * columns).sum(axis=1) / values.size
    return means


def mean_and_interval(
    samples: Sequence[Sequence[float]], sign: str = "", folds: Sequence[Hashable] | None = None
) -> str:
    """The mean over samples of the mean over episodes, with its 95 % interval, as text.

    Args:
        samples, folds: as in :func:`bootstrap_interval`.
        sign: "+": signed.

    Raises:
        InputError: as :func:`bootstrap_interval`.

    Example:
        >>> mean_and_interval([[2.0, 2.0], [2.0]], "+")
        '+2.00 [+2.00, +2.00]'
    """
    mean = float(np.mean([np.mean(sample) for sample in samples]))
    return with_interval(mean, bootstrap_interval(samples, folds=folds), sign)


def with_interval(mean: float, interval: Sequence[float], sign: str = "") -> str:
    """A mean with its interval, as text for tables; `sign` "+": signed.

    Example:
        >>> with_interval(3.9, (3.81, 3.98))
        '3.90 [3.81, 3.98]'
    """
    low, high = interval
    return f"{mean:{sign}.2f} [{low:{sign}.2f}, {high:{sign}.2f}]"
