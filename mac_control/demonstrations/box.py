"""Clips actions beyond the robot's box, which some recordings have, and reports it."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np

from mac_control.demonstrations.episode import Demonstrations, EpisodeFile
from mac_control.robot import Robot


def guessed(origin: Any, robot: Robot | None) -> dict[str, Any]:
    """What the provenance of stored data says of a box that is a guess: how it was guessed.

    Example:
        >>> guessed({"box": "data"}, None), guessed(None, None)
        ({}, {})
    """
    box = origin.get("box") if isinstance(origin, dict) and robot is not None else None
    return {"box": box} if isinstance(box, str) else {}


def in_box_of(demonstrations: Demonstrations, robot: Robot) -> Demonstrations:
    """Demonstrations of a robot whose box is known, and no longer guessed; clipped to it."""
    known = {k: v for k, v in demonstrations.provenance.items() if k != "box"}
    return within_box(replace(demonstrations, robot=robot, provenance=known))


def within_box(demonstrations: Demonstrations) -> Demonstrations:
    """Demonstrations with actions clipped to the robot's box, as an environment clips them.

    Says on stderr how many entries were clipped. Data that stay in a file (`EpisodeFile`), or have
    no known robot, are left as they are.

    Example:
        >>> from mac_control.demonstrations import Episode
        >>> from mac_control.robot import ActionDim, Robot
        >>> cart = Robot("cart", (ActionDim("push"),))
        >>> far = Demonstrations([Episode(np.zeros((2, 1)), np.array([[0.5], [1.3]]))], robot=cart)
        >>> within_box(far).actions.ravel().tolist()
        [0.5, 1.0]
    """
    robot = demonstrations.robot
    if robot is None or isinstance(demonstrations.episodes, EpisodeFile):
        return demonstrations
    low, high = robot.low, robot.high
    beyond = np.concatenate(
        [np.maximum(e.actions - high, low - e.actions).clip(0).ravel() for e in demonstrations]
    )
    if not beyond.any():
        return demonstrations
    print(
        f"actions: {np.mean(beyond > 0):.1%} of the entries lie beyond the action box of "
        f"{robot.name}, by {beyond.max():.2f} at most: clipped",
        file=sys.stderr,
    )
    episodes = [
        replace(
            e,
            actions=e.actions.clip(low, high),
            executed=None if e.executed is e.actions else np.clip(e.executed, low, high),
        )
        for e in demonstrations
    ]
    return replace(demonstrations, episodes=episodes)
