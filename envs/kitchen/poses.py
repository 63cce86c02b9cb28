"""Poses of the hand, and steps from one towards another."""

from __future__ import annotations

import math

import numpy as np

from mac_control.simulator import mujoco

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
    way = a[0] - b[0]
    return math.sqrt(way @ way)


def angle(a: Pose, b: Pose) -> float:
    """Angle between two rotations [rad]."""
    return math.acos(min(max(((a[1] * b[1]).sum() - 1) / 2, -1.0), 1.0))


def step_towards(now: Pose, target: Pose, most: float, most_turn: float, share: float) -> Pose:
    """The pose `share` of the way to `target`, at most `most` [m] and `most_turn` [rad] away.

    Example:
        >>> here = np.zeros(3), np.eye(3)
        >>> there = np.array([1.0, 0, 0]), turn(1.0)
        >>> step = step_towards(here, there, 0.04, 0.1, 0.8)
        >>> round(gap(here, step), 6), round(angle(here, step), 6)
        (0.04, 0.1)
    """
    way = target[0] - now[0]
    position = now[0] + way * min(share, most / max(math.sqrt(way @ way), 1e-9))
    here, there, turned = np.empty(4), np.empty(4), np.empty(3)
    mujoco.mju_mat2Quat(here, now[1].ravel())
    mujoco.mju_mat2Quat(there, target[1].ravel())
    mujoco.mju_subQuat(turned, there, here)  # as axis times angle
    most_share = most_turn / max(math.sqrt(turned @ turned), 1e-9)
    mujoco.mju_quatIntegrate(here, turned, min(share, most_share))
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, here)
    return position, rotation.reshape(3, 3)
