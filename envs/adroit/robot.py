"""The Adroit hand of gymnasium-robotics: actuator names, groups, and observed positions."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from mac_control.envs.adroit.tasks import TASKS, Task
from mac_control.errors import InputError
from mac_control.robot import ActionDim, Robot
from mac_control.simulator import mujoco

#: Prefix of an actuator's name -> the group that it belongs to.
_PARTS = {
    "A_AR": "arm",
    "A_WR": "wrist",
    "A_FF": "first_finger",
    "A_MF": "middle_finger",
    "A_RF": "ring_finger",
    "A_LF": "little_finger",
    "A_TH": "thumb",
}
_ARM = {
    "A_ARTx": "arm x",
    "A_ARTy": "arm y",
    "A_ARTz": "arm z",
    "A_ARRx": "arm roll",
    "A_ARRy": "arm pitch",
    "A_ARRz": "arm yaw",
    "A_WRJ1": "wrist turn",
    "A_WRJ0": "wrist bend",
}
#: Joints of the fingers, by the end of their actuator's name, and of the thumb.
_FINGER = {"4": "palm fold", "3": "sideways", "2": "knuckle", "1": "middle", "0": "tip"}
_THUMB = {"4": "turn", "3": "base", "2": "sideways", "1": "middle", "0": "tip"}


def hand_robot(env: gymnasium.Env, name: str | None = None) -> Robot:
    """The robot of an `AdroitHand*` environment.

    An action in [-1, 1] is a joint position target, scaled to the joint's range. Trackers need no
    feedback: the joint's own controller steers back to the target.

    Args:
        env: the environment.
        name: its Gymnasium id; None: as its spec says.

    Raises:
        InputError: an environment that is not an Adroit hand.

    Example:
        >>> from mac_control.envs import make_env, robot_of
        >>> robot = robot_of(make_env("AdroitHandDoor-v1"))
        >>> robot.action_dim, [robot.actions[dim].label for dim in robot.groups["arm"]]
        (28, ['arm z', 'arm roll', 'arm pitch', 'arm yaw'])
    """
    inner: Any = env.unwrapped
    if name is None:
        name = env.spec.id if env.spec is not None else type(inner).__name__
    model = getattr(inner, "model", None)
    half_range = np.asarray(getattr(inner, "act_rng", ()), float)
    if not isinstance(model, mujoco.MjModel) or half_range.shape != (model.nu,):
        raise InputError(f"env: expected an Adroit hand, got {name}")
    task = next((t for t in TASKS.values() if name.startswith(f"AdroitHand{t.name}")), None)
    skipped = 0 if task is None else task.skipped
    actions, groups = [], {}
    for i in range(model.nu):
        actuator, joint = str(model.actuator(i).name), int(model.actuator_trnid[i, 0])
        slides = model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_SLIDE
        at = int(model.jnt_qposadr[joint]) - skipped
        actions.append(
            ActionDim(
                actuator,
                kind="joint_position",
                unit=f"{half_range[i]:.3g} {'m' if slides else 'rad'}",
                label=_label(actuator),
                position=at if at >= 0 else None,
            )
        )
        part = next((p for start, p in _PARTS.items() if actuator.startswith(start)), None)
        for group in filter(None, (part, "fingers" if _is_finger(part) else None)):
            groups[group] = (*groups.get(group, ()), i)
    names = () if task is None else tuple(_obs_names(model, task))
    return Robot(name, tuple(actions), groups, names, rate=1 / float(inner.dt))


def _obs_names(model: mujoco.MjModel, task: Task) -> list[str]:
    """Names of the joints, then of the task's own entries."""
    joints = range(task.skipped, task.skipped + task.joints)
    return [*(str(model.joint(j).name) for j in joints), *task.names()]


def _is_finger(part: str | None) -> bool:
    return part is not None and part not in ("arm", "wrist")


def _label(actuator: str) -> str:
    if label := _ARM.get(actuator):
        return label
    part = next((p for start, p in _PARTS.items() if actuator.startswith(start)), actuator)
    joint = (_THUMB if part == "thumb" else _FINGER).get(actuator[-1], f"joint {actuator[-1]}")
    return f"{part.replace('_', ' ')} {joint}"
