"""The control rate of demonstrations."""

from __future__ import annotations

import math
from typing import Any

from mac_control.demonstrations.episode import Demonstrations


def recorded_rate(demonstrations: Demonstrations) -> float | None:
    """The rate [Hz] that the data, or those that they were made from, say; else the robot's.

    Example:
        >>> import numpy as np
        >>> from mac_control import Episode
        >>> episode = Episode(np.zeros((5, 3)), np.zeros((5, 2)))
        >>> recorded_rate(Demonstrations([episode], provenance={"origin": {"rate": 10}}))
        10.0
    """
    said: list[Any] = []
    record: Any = demonstrations.provenance
    while isinstance(record, dict):
        said += [record.get("fps"), record.get("rate")]
        record = record.get("origin")
    robot = demonstrations.robot
    for rate in (*said, None if robot is None else robot.rate):
        if isinstance(rate, int | float) and 0 < rate < math.inf:
            return float(rate)
    return None
