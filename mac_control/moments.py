"""Mean and standard deviation of numbers that arrive in parts."""

from __future__ import annotations

from typing import Any

import numpy as np


class Moments:
    """Moments of rows `(T, N)` that are added in parts, so that they are never all in memory.

    With n rows before and m new ones, `Σ(x - mean)²` grows by that of the new ones and
    `δ² n m / (n + m)`, δ the difference of the means (Chan et al. 1979).

    Example:
        >>> found = Moments()
        >>> for part in ([[0.0], [2.0]], [[4.0], [6.0]]):
        ...     found.add(np.array(part))
        >>> found.mean.tolist(), found.std.tolist()
        ([3.0], [2.23606797749979])
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: np.ndarray = np.zeros(())
        self._square: np.ndarray = np.zeros(())

    def add(self, rows: np.ndarray) -> None:
        """Add rows."""
        rows, new = np.asarray(rows, np.float64), len(rows)
        center = rows.mean(0)
        delta, count = center - self.mean, self.count
        self._square = (
            self._square + ((rows - center) ** 2).sum(0) + delta**2 * count * new / (count + new)
        )
        self.mean = self.mean + delta * new / (count + new)
        self.count += new

    @property
    def std(self) -> Any:
        """Standard deviation `(N,)`."""
        return np.sqrt(self._square / self.count)
