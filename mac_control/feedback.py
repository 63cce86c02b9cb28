"""Observed positions and their gains, for trackers, retrieval and corrections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mac_control.errors import InputError
from mac_control.robot import Robot


@dataclass(frozen=True)
class Feedback:
    """The part of a robot that a tracker needs, as arrays over J dimensions.

    Args:
        dims: `(J,)` action dimensions whose position is observed.
        entries: `(J,)` the observed entries.
        gains: `(J,)` feedback [action units per position unit].
        travel: `(J,)` motion per step [position units per action unit].
        pose: `(J,)` boolean; those that count as pose: all but grippers.
    """

    dims: np.ndarray
    entries: np.ndarray
    gains: np.ndarray
    travel: np.ndarray
    pose: np.ndarray

    @classmethod
    def of(cls, robot: Robot | None, what: str) -> Feedback:
        """Feedback from the robot's description; `what` is named in the error.

        Raises:
            InputError: no robot, or none of its positions is observed.
        """
        if robot is None:
            raise InputError(
                f"{what}: expected demonstrations whose robot is known, got none; name their "
                "environment (--env) or describe the robot (--robot FILE.toml)"
            )
        moved = [(d, a) for d, a in enumerate(robot.actions) if a.position is not None]
        if not any(action.kind != "gripper" for _, action in moved):
            raise InputError(
                f"{what}: expected a robot with observed positions, got {robot.name}, whose "
                "description names none"
            )
        return cls(
            np.array([d for d, _ in moved]),
            np.array([a.position for _, a in moved]),
            np.array([a.gain for _, a in moved]),
            np.array([a.travel for _, a in moved]),
            np.array([a.kind != "gripper" for _, a in moved]),
        )
