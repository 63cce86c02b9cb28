"""Six joints in MuJoCo, in the units of LeRobot's motors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import mujoco
import numpy as np

MODEL = Path(__file__).parent / "so101.xml"
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")


class Arm:
    """Position servos that can be switched off, and a simulated hand that can hold a joint.

    Joints are in degrees; the gripper is from 0 (closed) to 100 (open).

    Args:
        stiffness: stiffness of the servos, as a share of the follower's.
    """

    def __init__(self, stiffness: float = 1.0) -> None:
        self.model = mujoco.MjModel.from_xml_path(str(MODEL))
        self.model.actuator_gainprm[:, 0] *= stiffness
        self.model.actuator_biasprm[:, 1:3] *= stiffness
        self.data = mujoco.MjData(self.model)
        low, high = self.model.jnt_range.T
        grip = JOINTS.index("gripper")
        self._unit = np.full(len(JOINTS), np.pi / 180)  # [rad per unit]
        self._unit[grip] = (high[grip] - low[grip]) / 100
        self._zero = np.where(np.arange(len(JOINTS)) == grip, low, 0.0)
        #: Joints whose motors are on.
        self.driven = np.ones(len(JOINTS), bool)
        #: Joint -> position that a hand pulls it to.
        self.hand: dict[str, float] = {}
        self._gains = self.model.actuator_gainprm.copy(), self.model.actuator_biasprm.copy()
        mujoco.mj_forward(self.model, self.data)
        self.aim(self.positions())

    def positions(self) -> dict[str, float]:
        """Position of each joint."""
        found = (self.data.qpos - self._zero) / self._unit
        return {name: float(x) for name, x in zip(JOINTS, found, strict=True)}

    def range(self, joint: str) -> tuple[float, float]:
        """Ends of a joint's range."""
        at = JOINTS.index(joint)
        low, high = (self.model.jnt_range[at] - self._zero[at]) / self._unit[at]
        return float(low), float(high)

    def aim(self, targets: Mapping[str, float]) -> None:
        """Drive these joints to their targets."""
        for name, target in targets.items():
            at = JOINTS.index(name)
            self.data.ctrl[at] = self._zero[at] + target * self._unit[at]

    def advance(self, seconds: float) -> None:
        """Advance the simulation."""
        gain, bias = self._gains
        self.model.actuator_gainprm[:] = gain * self.driven[:, None]
        self.model.actuator_biasprm[:] = bias * self.driven[:, None]
        for _ in range(max(1, round(seconds / self.model.opt.timestep))):
            self.data.qfrc_applied[:] = 0.0
            for name, target in self.hand.items():
                at = JOINTS.index(name)
                away = self._zero[at] + target * self._unit[at] - self.data.qpos[at]
                self.data.qfrc_applied[at] = 20.0 * away - 0.6 * self.data.qvel[at]  # [N m]
            mujoco.mj_step(self.model, self.data)
