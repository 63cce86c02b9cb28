"""Poses of the hand, and steps from one towards another."""

from __future__ import annotations

import numpy as np

Pose = tuple[np.ndarray, np.ndarray]  # position (3,) [m], rotation (3, 3)


def facing(forward: list[float], across: list[float]) -> np.ndarray:
    """Rotation `(3, 3)` of a hand that points `forward` and opens its fingers along `across`.

    Example:
        >>> facing([0, 2, 0], [1, 1, 0])[:, 2].tolist()
        [0.0, 1.0, 0.0]
    """
    z = np.array(forward) / np.linalg.norm(forward)
    y = np.array(across) - z * np.dot(across, z)
    y /= np.linalg.norm(y)
    return np.stack([np.cross(y, z), y, z], axis=1)


def turn(angle: float, axis: str = "z") -> np.ndarray:
    """Rotation `(3, 3)` by `angle` [rad] about the z or y axis of the room."""
    c, s = np.cos(angle), np.sin(angle)
    if axis == "z":
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    return np.array([[c, 0, s], [0, 1.0, 0], [-s, 0, c]])


def gap(a: Pose, b: Pose) -> float:
    """Distance between two positions [m]."""
    return float(np.linalg.norm(a[0] - b[0]))


def angle(a: Pose, b: Pose) -> float:
    """Angle between two rotations [rad]."""
    return float(np.arccos(np.clip((np.trace(a[1].T @ b[1]) - 1) / 2, -1, 1)))


def step_towards(now: Pose, target: Pose, most: float, most_turn: float, share: float) -> Pose:
    """The pose `share` of the way to `target`, at most `most` [m] and `most_turn` [rad] away.

    Example:
        >>> here = np.zeros(3), np.eye(3)
        >>> there = np.array([1.0, 0, 0]), turn(1.0)
        >>> step = step_towards(here, there, 0.04, 0.1, 0.8)
        >>> round(gap(here, step), 6), round(angle(here, step), 6)
        (0.04, 0.1)
    """
    way, turned = gap(now, target), angle(now, target)
    position = now[0] + (target[0] - now[0]) * min(share, most / max(way, 1e-9))
    return position, _between(now[1], target[1], min(share, most_turn / max(turned, 1e-9)))


def _between(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """The rotation `share` of the way from `a` to `b`, by Rodrigues' formula."""
    delta = a.T @ b
    theta = np.arccos(np.clip((np.trace(delta) - 1) / 2, -1, 1))
    if theta < 1e-6 or theta > np.pi - 1e-6:  # the axis is not defined
        return b
    axis = (delta - delta.T) / (2 * np.sin(theta))
    t = share * theta
    return a @ (np.eye(3) + np.sin(t) * axis + (1 - np.cos(t)) * axis @ axis)
