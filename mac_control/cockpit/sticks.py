"""The page's stick labels, and which rows it folds."""

from __future__ import annotations

from mac_control.robot import Robot
from mac_control.teleop.mapping import Mapping

#: Direction of the end effector -> label for people.
_WORDS = {"x": "forward", "y": "left", "z": "up", "yaw": "turn"}


def stick_labels(mapping: Mapping, robot: Robot) -> dict[str, list[str]]:
    """Mode -> what the left and the right stick do in it, up and down first.

    The mode is empty in a mapping without modes; a mapping without sticks has no entry.

    Example:
        >>> from mac_control.robot import ActionDim
        >>> from mac_control.teleop.defaults import default_mapping
        >>> arm = Robot("arm", (ActionDim("turn"), ActionDim("lift"), ActionDim("grip")))
        >>> stick_labels(default_mapping("cockpit", arm), arm)
        {'': ['lift, turn', 'grip']}
    """
    found = {}
    for mode in mapping.modes or ("",):
        labels = [_label(mapping, robot, mode, side) for side in ("left", "right")]
        if any(labels):
            found[mode] = labels
    return found


#: Rows that are visible at once: robots with no more dimensions fold none.
ROWS = 12


def folds(robot: Robot) -> dict[str, list[int]]:
    """Group -> its dimensions, for groups that the page shows as one row until it is opened.

    Those are the groups made of other groups, such as the fingers of a hand, if the robot has more
    than `ROWS` dimensions.

    Example:
        >>> from mac_control.robot import ActionDim
        >>> dims = tuple(ActionDim(f"joint{d}") for d in range(13))
        >>> parts = {"arm": range(9), "thumb": (9, 10), "index": (11, 12), "fingers": range(9, 13)}
        >>> folds(Robot("hand", dims, parts))
        {'fingers': [9, 10, 11, 12]}
    """
    found: dict[str, list[int]] = {}
    if robot.action_dim <= ROWS:
        return found
    for name, dims in robot.groups.items():
        parts = [set(other) for other in robot.groups.values() if set(other) < set(dims)]
        taken = {d for fold in found.values() for d in fold}
        if parts and set().union(*parts) == set(dims) and not taken & set(dims):
            found[name] = sorted(dims)
    return found


def _label(mapping: Mapping, robot: Robot, mode: str, side: str) -> str:
    parts = []
    for axis in (f"{side}_y", f"{side}_x"):
        for entry in mapping.axes:
            if entry.axis == axis and entry.mode in (None, mode):
                direction = entry.direction or ""
                label = _WORDS.get(direction, direction)
                parts.append(label if entry.dim is None else robot.labels[entry.dim])
    return ", ".join(parts)
