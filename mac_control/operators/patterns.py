"""Wrappers that choose the driven dimensions: named groups, a joystick, a changing set."""

from __future__ import annotations

import numpy as np

from mac_control.errors import InputError
from mac_control.operators.base import Operator
from mac_control.operators.restricted import Restricted
from mac_control.operators.wrapper import OperatorWrapper, checked
from mac_control.partial import PartialAction
from mac_control.robot import Robot


def keep_k(operator: Operator, action_dim: int, k: int) -> Restricted:
    """Keep k dimensions, drawn in each episode."""
    return Restricted(operator, action_dim, k=k)


def keep_dims(operator: Operator, action_dim: int, *dims: int) -> Restricted:
    """Keep the same dimensions in every episode."""
    if not dims:
        raise InputError("dims: expected some dimensions, such as dims:0:2, got none")
    return Restricted(operator, action_dim, dims=dims)


def keep_groups(operator: Operator, robot: Robot, *groups: str) -> Restricted:
    """Keep groups and dimensions named in the robot's description.

    Example:
        >>> from mac_control.operators import Nobody
        >>> from mac_control.robot import ActionDim
        >>> arm = Robot("arm", tuple(ActionDim(f"j{i}") for i in range(4)), {"wrist": (2, 3)})
        >>> keep_groups(Nobody(4), arm, "wrist", "j0").dims
        array([0, 2, 3])
    """
    if not groups:
        known = [*robot.groups, *(action.name for action in robot.actions)]
        raise InputError(f"group: expected some of {', '.join(known)}, got none")
    return Restricted(operator, robot.action_dim, dims=robot.dims(*groups))


class Joystick(OperatorWrapper):
    """A two-axis joystick: one pair of dimensions at a time, switched by the user.

    The pairs are (0, 1), (2, 3) and so on; with an odd number of dimensions, the last one is paired
    with its neighbour. The user switches every `hold` steps, to the pair with the largest wanted
    command.
    """

    def __init__(self, operator: Operator, action_dim: int, hold: int = 15) -> None:
        super().__init__(operator)
        if action_dim < 2:
            raise InputError(f"joystick: expected at least 2 action dimensions, got {action_dim}")
        self.hold = int(checked("hold", hold, 1))
        starts = [min(start, action_dim - 2) for start in range(0, action_dim, 2)]
        self.pairs = np.array([[start, start + 1] for start in starts])
        self._kept, self._step = np.zeros(action_dim, bool), 0

    def reset(self, seed: int | None = None) -> None:
        super().reset(seed)
        self._step = 0

    def read(self, obs: np.ndarray) -> PartialAction:
        partial = self.operator.read(obs)
        if self._step % self.hold == 0:
            wanted = np.square(partial.values)[self.pairs].sum(1)
            self._kept = np.zeros_like(self._kept)
            self._kept[self.pairs[wanted.argmax()]] = True
        self._step += 1
        return partial.restrict(self._kept)


class Shifting(OperatorWrapper):
    """Keeps k dimensions at a time, drawn anew every `hold` steps on average."""

    def __init__(self, operator: Operator, action_dim: int, k: int, hold: float = 40.0) -> None:
        super().__init__(operator)
        self.action_dim, self.k = action_dim, int(checked("k", k, 0, action_dim))
        self.hold = checked("hold", hold, 1)
        self._kept: np.ndarray | None = None

    def reset(self, seed: int | None = None) -> None:
        super().reset(seed)
        self._kept = None

    def read(self, obs: np.ndarray) -> PartialAction:
        partial = self.operator.read(obs)
        if self._kept is None or self.rng.random() < 1 / self.hold:
            self._kept = np.zeros(self.action_dim, bool)
            self._kept[self.rng.permutation(self.action_dim)[: self.k]] = True
        return partial.restrict(self._kept)
