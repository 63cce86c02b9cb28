"""The control rate of demonstrations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mac_control.demonstrations.episode import Demonstrations


def recorded_rate(demonstrations: Demonstrations) -> float | None:
    """The rate [Hz] that demonstrations were recorded at; None where it is unknown.

    Example:
        >>> import numpy as np
        >>> from mac_control import Episode
        >>> episode = Episode(np.zeros((5, 3)), np.zeros((5, 2)))
        >>> recorded_rate(Demonstrations([episode], provenance={"origin": {"rate": 10}}))
        10.0
    """
    robot = demonstrations.robot
    return rate_of_record(demonstrations.provenance, None if robot is None else robot.rate)


def rate_of_record(provenance: Mapping[str, Any], robot_rate: Any) -> float | None:
    """The rate [Hz] that data, or those that they were made from, say; else the robot's."""
    said: list[Any] = []
    record: Any = provenance
    while isinstance(record, Mapping):
        said += [record.get("fps"), record.get("rate")]
        record = record.get("origin")
    for rate in (*said, robot_rate):
        if isinstance(rate, int | float) and 0 < rate < math.inf:
            return float(rate)
    return None
