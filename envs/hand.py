"""The Adroit hand of gymnasium-robotics: actuator names, groups, and what its positions are."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from mac_control.errors import InputError
from mac_control.robot import ActionDim, Robot
from mac_control.simulator import mujoco

#: Beginning of an actuator's name -> the group that it belongs to.
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
#: Entries of `qpos` that an observation leaves out at its beginning.
_SKIPPED = {"AdroitHandDoor": 1}


def hand_robot(env: gymnasium.Env) -> Robot:
    """The robot of an `AdroitHand*` environment.

    An action in [-1, 1] is a joint position target, scaled to the joint's range.

    Raises:
        InputError: an environment that is no Adroit hand.

    Example:
        >>> from mac_control.envs import make_env, robot_of
        >>> robot = robot_of(make_env("AdroitHandDoor-v1"))
        >>> robot.action_dim, [robot.actions[dim].label for dim in robot.groups["arm"]]
        (28, ['arm z', 'arm roll', 'arm pitch', 'arm yaw'])
    """
    inner: Any = env.unwrapped
    name = env.spec.id if env.spec is not None else type(inner).__name__
    model = getattr(inner, "model", None)
    half_range = np.asarray(getattr(inner, "act_rng", ()), float)
    if not isinstance(model, mujoco.MjModel) or half_range.shape != (model.nu,):
        raise InputError(f"env: expected an Adroit hand, got {name}")
    skipped = _SKIPPED.get(name.split("-")[0], 0)
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
    return Robot(name, tuple(actions), groups, rate=1 / float(inner.dt))


def _is_finger(part: str | None) -> bool:
    return part is not None and part not in ("arm", "wrist")


def _label(actuator: str) -> str:
    part = next((p for start, p in _PARTS.items() if actuator.startswith(start)), actuator)
    return _ARM.get(actuator) or f"{part.replace('_', ' ')} joint {actuator[-1]}"
