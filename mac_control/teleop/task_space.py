"""Driving the end effector in space: a twist becomes joint velocities, by inverse kinematics."""

from __future__ import annotations

from typing import Any

import numpy as np

from mac_control.errors import InputError
from mac_control.simulator import mujoco
from mac_control.teleop.device import needs
from mac_control.teleop.entries import TaskSpaceOptions

DAMPING = 1e-3


class TaskSpace:
    """Joint actions that move a site of a MuJoCo model along a twist.

    The arm's joints are solved for with `mink`, within their limits; what else moves in the scene
    is left out. The joints that are thereby given are `options.joints`, all of them.

    Args:
        model: the scene, in which dimension d of the action drives degree of freedom d.
        options: which joints, which site, which speeds.
        period: control period [s].

    Raises:
        InputError: no such site.
        DeviceError: mink is not installed.
    """

    def __init__(self, model: mujoco.MjModel, options: TaskSpaceOptions, period: float) -> None:
        self._mink: Any = needs("mink", "ik")
        if mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, options.site) < 0:
            known = [model.site(i).name for i in range(model.nsite)]
            raise InputError(f"task_space: expected a site of {known}, got {options.site!r}")
        self.options, self.period = options, period
        self._joints = list(options.joints)
        self._configuration = self._mink.Configuration(model)
        self._task = self._mink.FrameTask(options.site, "site", 1.0, 0.5)
        self._limits = [self._mink.ConfigurationLimit(model)]
        others = [dof for dof in range(model.nv) if dof not in self._joints]
        self._still = [self._mink.DofFreezingTask(model, others)]

    def solve(self, obs: np.ndarray, twist: np.ndarray) -> np.ndarray:
        """The action of each of `joints`, `(len(joints),)` in [-1, 1], for a twist `(6,)`."""
        mink, options = self._mink, self.options
        qpos = self._configuration.q.copy()
        lower, upper = self._configuration.model.jnt_range[self._joints].T
        qpos[self._joints] = np.clip(obs[self._joints], lower + 1e-4, upper - 1e-4)
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
        )[self._joints]
        # Slower as a whole rather than clipped joint by joint: the direction stays.
        return (velocity / max(options.unit, float(np.abs(velocity).max()))).astype(np.float32)
