"""The arm's description for mac-control: ranges, units and groups."""

from __future__ import annotations

from typing import Any

from .arm import JOINTS, Arm


def describe(env: Any) -> Any:
    """A `mac_control.robot.Robot`; an entry point of the group `mac_control.robots`."""
    from mac_control.robot import ActionDim, Robot

    arm, actions = Arm(), []
    for i, joint in enumerate(JOINTS):
        kind = "gripper" if joint == "gripper" else "joint_position"
        unit = "%" if joint == "gripper" else "deg"
        low, high = arm.range(joint)
        actions.append(ActionDim(f"{joint}.pos", low, high, kind, unit, joint, position=i))
    names = tuple(action.name for action in actions)
    groups = {"arm": tuple(range(5)), "wrist": (3, 4)}
    return Robot("so101_sim", tuple(actions), groups, names, rate=30.0)
