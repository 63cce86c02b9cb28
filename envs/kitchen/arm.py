"""Inverse kinematics of the kitchen's arm, and the actions that make its joints move."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import gymnasium_robotics
import numpy as np

from mac_control.errors import InputError
from mac_control.simulator import mujoco

try:
    import daqp
    import mink
except ImportError as error:
    raise InputError(
        "the scripted expert: expected mink and daqp, got none: pip install 'mac-control[expert]'"
    ) from error

ARM = 7  # joints
TIP = 0.255  # grasp point beyond the last link, where the finger tips meet [m]
SCENE = "envs/assets/kitchen_franka/kitchen_assets/kitchen_env_model.xml"

# Measured: an action of 1 commands 0.16 rad in a step, and a joint moves by this share of it.
ASKED = 0.16
SHARE = np.array([0.51, 0.38, 0.66, 0.56, 0.62, 0.64, 0.62])
STIFFNESS = np.array([870.0, 870.0, 870.0, 870.0, 120.0, 120.0, 120.0])  # [Nm/rad]
FINGER_GAIN = 12.0  # action per metre of error
MOST = 0.9  # largest arm action commanded, to leave room for corrections


@lru_cache(maxsize=1)
def arm_model() -> mujoco.MjModel:
    """The arm alone, without objects, fingers or shapes: 7 joints and a site `tip`."""
    spec = mujoco.MjSpec.from_file(str(Path(gymnasium_robotics.__file__).parent / SCENE))
    for part in (spec.keys, spec.equalities, spec.actuators, spec.geoms, spec.meshes):
        for element in list(part):
            spec.delete(element)
    for name in ("desk", "kettle", "panda0_leftfinger", "panda0_rightfinger"):
        spec.delete(spec.body(name))
    for body in spec.bodies:  # kinematics only: any inertia will do
        body.explicitinertial, body.mass, body.inertia = True, 1.0, [1.0, 1.0, 1.0]
    half = -math.pi / 8
    spec.body("panda0_link7").add_site(
        name="tip", pos=[0, 0, TIP], quat=[math.cos(half), 0, 0, math.sin(half)]
    )
    return spec.compile()


class Arm:
    """Turns target poses of the finger tips into actions, by inverse kinematics with mink.

    Example:
        >>> arm = Arm()
        >>> position, rotation = arm.pose(np.array([0.1, -1.7, 1.8, -2.5, 0.3, 0.7, 1.6]))
        >>> position.shape, rotation.shape
        ((3,), (3, 3))
    """

    def __init__(self) -> None:
        model = arm_model()
        self._low, self._high = model.jnt_range.T
        self._configuration = mink.Configuration(model)
        self._frame = mink.FrameTask("tip", "site", 1.0, 0.25, lm_damping=1e-3)
        self._posture = mink.PostureTask(model, 5e-2, gain=0.3)

    def pose(self, qpos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Position `(3,)` [m] and rotation `(3, 3)` of the tips for joints `(7,)` [rad]."""
        self._configuration.update(np.clip(qpos, self._low, self._high))
        site = self._configuration.data.site("tip")
        return site.xpos.copy(), site.xmat.reshape(3, 3).copy()

    def towards(
        self, position: np.ndarray, rotation: np.ndarray, posture: np.ndarray
    ) -> np.ndarray:
        """Displacements `(7,)` of the joints last passed to `pose` [rad].

        They bring the tips to a nearby pose in one step; `posture` `(7,)` is preferred where
        the pose leaves freedom.
        """
        self._posture.set_target(posture)
        quaternion = np.empty(4)
        mujoco.mju_mat2Quat(quaternion, rotation.ravel())
        self._frame.set_target(mink.SE3(np.concatenate([quaternion, position])))
        problem = mink.build_ik(self._configuration, [self._frame, self._posture], 1.0, limits=[])
        # Limits of position and speed form one box, which the solver takes directly: with mink's
        # two kinds of limit, 28 inequalities, inverse kinematics costs twice as much.
        qpos, most = self._configuration.q, MOST * ASKED * SHARE
        upper = np.minimum(self._high - qpos, most)
        lower = np.maximum(self._low - qpos, -most)
        found, _, flag, _ = daqp.solve(
            problem.P, problem.q, np.empty((0, ARM)), upper, lower, np.zeros(ARM, np.intc)
        )
        if flag <= 0:
            raise mink.NoSolutionFound("daqp")
        return found


def action_for(
    displacement: np.ndarray, load: np.ndarray, fingers: np.ndarray, opening: float
) -> np.ndarray:
    """The action `(9,)` that moves the arm by `displacement` `(7,)` in a step [rad].

    `load` `(7,)` are the torques of gravity, under which the joints' springs yield [Nm];
    `fingers` `(2,)` and `opening` are the fingers' positions and their target [m].
    """
    arm = (displacement / SHARE + load / STIFFNESS) / ASKED
    hand = np.clip(FINGER_GAIN * (opening - fingers), -0.5, 0.5)
    return np.clip(np.concatenate([arm, hand]), -1.0, 1.0).astype(np.float32)
