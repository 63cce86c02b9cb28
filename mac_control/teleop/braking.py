"""Coming to rest within limits, one control period at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Periods in which a robot must be able to come to rest, at most.
LONGEST = 500


@dataclass(frozen=True)
class Bounds:
    """Bounds on the differences of a sequence of actions, per control period.

    Args:
        speed, change, jerk: of the first, second and third difference, `(D,)`, all finite.
    """

    speed: np.ndarray
    change: np.ndarray
    jerk: np.ndarray


def braking(speed: np.ndarray, change: np.ndarray, bounds: Bounds) -> np.ndarray:
    """The next second difference on the shortest way to rest.

    The second difference must itself return to 0 by steps of at most `jerk`: one of -x now is
    followed by -(x - jerk), -(x - 2 jerk), ..., and this reduces the speed by

        (k + 1) x - jerk k (k + 1) / 2    where k = floor(x / jerk).

    The result is the x that reduces the speed to 0, as nearly as the bounds allow; a
    sequence that starts early enough comes to rest exactly.

    Args:
        speed, change: first and second difference now, `(..., D)`.
        bounds: `(D,)`.

    Example:
        >>> bounds = Bounds(*np.array([[9.0], [2.0], [1.0]]))
        >>> speed, change, taken = np.array([4.0]), np.zeros(1), []
        >>> while speed or change:
        ...     change = braking(speed, change, bounds)
        ...     speed = speed + change
        ...     taken.append(float(change[0]))
        >>> taken
        [-1.0, -2.0, -1.0, 0.0]
    """
    way = np.where(speed < 0, -1.0, 1.0)
    left, jerk = np.abs(speed), bounds.jerk
    k = np.floor((np.sqrt(1 + 8 * left / jerk) - 1) / 2)
    wanted = -(left + jerk * k * (k + 1) / 2) / (k + 1)
    lower = np.maximum(-bounds.change, way * change - jerk)
    upper = np.minimum(bounds.change, way * change + jerk)
    return way * np.minimum(np.maximum(wanted, lower), upper)


def extremes(
    at: np.ndarray, speed: np.ndarray, change: np.ndarray, bounds: Bounds
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Extremes of a sequence until it rests: lowest, highest, fastest, and whether it does rest.

    Args:
        at, speed, change: the last value and its differences, `(..., D)`.
        bounds: `(D,)`.
    """
    lowest, highest, fastest = at, at, np.abs(speed)
    small = 1e-9 * bounds.speed
    for _ in range(LONGEST):
        if (np.abs(speed) <= small).all():
            moving = np.abs(change) > bounds.jerk + small
            if not moving.any():
                break
        change = braking(speed, change, bounds)
        speed = speed + change
        at = at + speed
        lowest, highest = np.minimum(lowest, at), np.maximum(highest, at)
        fastest = np.maximum(fastest, np.abs(speed))
    return lowest, highest, fastest, np.abs(speed) <= small
