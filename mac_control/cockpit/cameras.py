"""Cameras of the scene: front, hand, and limits that keep a camera outside of objects."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Names that the page uses.
CAMERAS = ("front", "hand", "reset")
#: The camera stays within this of its first direction, seen from above [rad].
SIDEWAYS = np.deg2rad(100)


class Cameras:
    """The cameras of all viewers.

    Args:
        first: position and target of the first camera [m].
        solids: boxes `(K, 2, 3)` that no camera may be in [m].
        floor: lowest height of a camera [m].
        reach: how far away a camera may be [m].

    Example:
        >>> box = np.array([[[-1, -1, -1], [1, 1, 1]]], float)
        >>> cameras = Cameras(((0, -3, 1), (0, 0, 0)), box, floor=0.0, reach=5.0)
        >>> cameras.allowed(np.array([0, -2, 1])), cameras.allowed(np.array([0, -0.5, 0.5]))
        (True, False)
    """

    def __init__(self, first: Any, solids: np.ndarray, floor: float, reach: float) -> None:
        self.first = tuple(np.asarray(point, float) for point in first)
        self._solids, self._floor, self._reach = solids, floor, reach
        self._good: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._follow: set[int] = set()
        self._hand: np.ndarray | None = None

    def allowed(self, position: np.ndarray) -> bool:
        """Whether a camera may be at `position` `(3,)` [m]."""
        away, first = position - self.first[1], self.first[0] - self.first[1]
        if position[2] < self._floor or np.linalg.norm(away) > self._reach:
            return False
        lengths = np.linalg.norm(away[:2]) * np.linalg.norm(first[:2])
        if lengths > 1e-9 and away[:2] @ first[:2] < np.cos(SIDEWAYS) * lengths:
            return False
        inside = (position >= self._solids[:, 0]) & (position <= self._solids[:, 1])
        return not inside.all(axis=1).any()

    def joined(self, client: Any) -> None:
        """Add a viewer."""
        client.camera.min_orbit_distance = 0.2
        client.camera.max_orbit_distance = self._reach
        self._good[client.client_id] = (self.first[0], self.first[1])

        @client.camera.on_update
        def _(camera: Any) -> None:
            position = np.array(camera.position)
            if self.allowed(position):
                self._good[client.client_id] = (position, np.array(camera.look_at))
            else:  # back to where it was last outside of everything
                _place(client, *self._good[client.client_id])

    def left(self, client: Any) -> None:
        """Remove a viewer."""
        self._good.pop(client.client_id, None)
        self._follow.discard(client.client_id)

    def show(self, name: str, clients: dict[int, Any]) -> None:
        """Show the scene from `front`, from the `hand` (moving with it), or `reset` the camera."""
        for number, client in clients.items():
            self._follow.discard(number)
            position, target = self.first
            if name == "hand" and self._hand is not None:
                self._follow.add(number)
                target = self._hand
                position = self._near(target)
            elif name == "front":
                away = self.first[0] - self.first[1]
                position = target + 0.75 * away
            self._good[number] = (position, target)
            _place(client, position, target)

    def move(self, hand: np.ndarray, clients: dict[int, Any]) -> None:
        """Move the cameras that follow the hand to its new position `hand` `(3,)` [m]."""
        before, self._hand = self._hand, hand.copy()
        if before is None or not self._follow:
            return
        for number in self._follow & clients.keys():
            position, target = (point + hand - before for point in self._good[number])
            if self.allowed(position):
                self._good[number] = (position, target)
                _place(clients[number], position, target)

    def _near(self, target: np.ndarray) -> np.ndarray:
        """A place close to `target`, on the side of the first camera."""
        away = self.first[0] - self.first[1]
        away = away / max(1e-9, float(np.linalg.norm(away)))
        for distance in np.linspace(0.75, 1.5, 6):
            if self.allowed(target + distance * away):
                return np.asarray(target + distance * away)
        return self.first[0]


def _place(client: Any, position: np.ndarray, target: np.ndarray) -> None:
    with client.atomic():
        client.camera.position = tuple(position)
        client.camera.look_at = tuple(target)
