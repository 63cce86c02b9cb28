"""Drives the end effector in space: inverse kinematics from a twist to joint velocities."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from mac_control.errors import InputError
from mac_control.robot import ActionDim, Robot
from mac_control.simulator import mujoco
from mac_control.teleop.device import needs
from mac_control.teleop.entries import TaskSpaceOptions

DAMPING = 1e-3


class TaskSpace:
    """Joint actions that move a site of a MuJoCo model along a twist.

    The arm's joints are solved for with `mink`, within their limits; other moving parts of the
    scene are left out. All of `options.joints` are then given.

    Args:
        model: the scene.
        options: joints, site and speeds.
        period: control period [s].
        robot: states where the joints' positions are observed, and the unit of their actions.

    Raises:
        InputError: no such site, or joints that have no observed position or are not driven by
            velocity.
        DeviceError: mink is not installed.
    """

    def __init__(
        self, model: mujoco.MjModel, options: TaskSpaceOptions, period: float, robot: Robot
    ) -> None:
        self._mink: Any = needs("mink", "ik")
        if mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, options.site) < 0:
            known = [model.site(i).name for i in range(model.nsite)]
            raise InputError(f"task_space: expected a site of {known}, got {options.site!r}")
        self.options, self.period = options, period
        actions = [robot.actions[dim] for dim in options.joints]
        joints = [_joint(model, robot, dim) for dim in options.joints]
        self._entries = [_observed(action) for action in actions]
        self._units = np.array([options.unit or velocity_unit(action) for action in actions])
        self._positions = [int(model.jnt_qposadr[joint]) for joint in joints]
        self._velocities = [int(model.jnt_dofadr[joint]) for joint in joints]
        self._ranges = np.array(
            [model.jnt_range[j] if model.jnt_limited[j] else (-np.inf, np.inf) for j in joints]
        )
        self._configuration = self._mink.Configuration(model)
        self._task = self._mink.FrameTask(options.site, "site", 1.0, 0.5)
        self._limits = [self._mink.ConfigurationLimit(model)]
        others = [dof for dof in range(model.nv) if dof not in self._velocities]
        self._still = [self._mink.DofFreezingTask(model, others)]

    def solve(self, obs: np.ndarray, twist: np.ndarray) -> np.ndarray:
        """The action of each of `joints`, `(len(joints),)` in [-1, 1], for a twist `(6,)`."""
        mink, options = self._mink, self.options
        qpos = self._configuration.q.copy()
        lower, upper = self._ranges.T
        qpos[self._positions] = np.clip(obs[self._entries], lower + 1e-4, upper - 1e-4)
        self._configuration.update(qpos)
        pose = self._configuration.get_transform_frame_to_world(options.site, "site")
        step = np.asarray(twist, float) * self.period
        self._task.set_target(
            mink.SE3.from_rotation_and_translation(
                mink.SO3.exp(step[3:] * options.angular) @ pose.rotation(),
                pose.translation() + step[:3] * options.linear,
            )
        )
        velocity = mink.solve_ik(
            self._configuration,
            [self._task],
            self.period,
            solver="daqp",
            damping=DAMPING,
            limits=self._limits,
            constraints=self._still,
        )[self._velocities]
        # Scaled as a whole, not clipped joint by joint, so that the direction stays.
        action = velocity / self._units
        slower: np.ndarray = action / max(1.0, float(np.abs(action).max()))
        return slower.astype(np.float32)


def velocity_unit(action: ActionDim) -> float:
    """The velocity of an action of 1, from the dimension's unit [rad/s or m/s].

    Raises:
        InputError: a dimension that is not driven by velocity.

    Example:
        >>> velocity_unit(ActionDim("elbow", kind="joint_velocity", unit="2 rad/s"))
        2.0
    """
    found = re.fullmatch(r"([\d.]+(?:e-?\d+)?)?\s*(rad|m)/s", action.unit.strip())
    if found is None:
        raise InputError(
            f"task_space: expected a joint with a unit such as 'rad/s' or '2 rad/s', got "
            f"{action.name} with {action.unit!r}"
        )
    return float(found[1] or 1.0)


def _observed(action: ActionDim) -> int:
    if action.position is None:
        raise InputError(
            f"task_space: expected joints whose positions are observed, got {action.name}"
        )
    return action.position


def _joint(model: mujoco.MjModel, robot: Robot, dim: int) -> int:
    """The joint that an action dimension drives: its actuator's, or the joint of that name."""
    driven = model.nu == robot.action_dim
    if driven and model.actuator_trntype[dim] == mujoco.mjtTrn.mjTRN_JOINT:
        return int(model.actuator_trnid[dim, 0])
    name = robot.actions[dim].name
    if (joint := mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, name)) < 0:
        raise InputError(f"task_space: expected a joint of the model, got {name!r}")
    return int(joint)
