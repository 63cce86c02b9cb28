"""Hints drawn into the scene: where the hand goes, and which joints are driven."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from mac_control.robot import Robot

#: How far ahead is shown [s], and in how many pieces.
AHEAD, PIECES = 1.0, 10
#: Share of a new action in the smoothed one.
FRESH = 0.25
YOU, ROBOT = (255, 183, 77), (100, 181, 246)


class Hints:
    """The path of the hand in the next second, and a ring around each joint that is driven.

    The path is where the hand would be if the joints went on as they do now: kinematics alone,
    which costs a fraction of a millisecond.

    Args:
        scene: viser's scene.
        model: the model that is drawn.
        robot: the robot whose action dimensions drive it.
        joints: the joint of each action dimension.
        scale: size of the scene [m].
    """

    def __init__(
        self, scene: Any, model: mujoco.MjModel, robot: Robot, joints: list[int], scale: float
    ) -> None:
        self._model, self._scratch = model, mujoco.MjData(model)
        self._joints = np.array(joints)
        self._entries = model.jnt_qposadr[self._joints]
        travel = np.array([a.travel * (a.kind == "joint_velocity") for a in robot.actions])
        self._travel = travel * (robot.rate or 0.0)  # position units per second and action unit
        self._velocity = np.zeros(len(joints))
        self.hand = hand_of(model, joints)
        self._thickness = 0.002 * scale
        self._path = scene.add_line_segments(
            "/hints/path",
            np.zeros((PIECES, 2, 3), np.float32),
            np.tile(np.uint8(ROBOT), (PIECES, 2, 1)),
            thickness=self._thickness,
            visible=False,
        )
        self._end = scene.add_icosphere(
            "/hints/end", radius=3.0 * self._thickness, color=ROBOT, opacity=0.55, visible=False
        )
        self._rings = [self._ring(scene, d, scale) for d in range(len(joints))]
        self._lit: set[int] = set()

    def update(self, data: mujoco.MjData, action: np.ndarray | None, lit: set[int]) -> None:
        """Show the hand's path at this action `(D,)`, and rings around the joints `lit`."""
        for d, ring in enumerate(self._rings):
            if d in lit:
                joint = self._joints[d]
                ring.position = tuple(data.xanchor[joint])
                ring.wxyz = tuple(_turn_z_to(data.xaxis[joint]))
            if (d in lit) != (d in self._lit):
                ring.visible = d in lit
        self._lit = set(lit)
        if action is None:
            self._path.visible = self._end.visible = False
            return
        now = data.qvel[self._model.jnt_dofadr[self._joints]]
        wanted = np.where(self._travel > 0, self._travel * action, now)
        self._velocity += FRESH * (wanted - self._velocity)
        points = self.ahead(data, self._velocity)
        self._path.points = np.stack([points[:-1], points[1:]], axis=1).astype(np.float32)
        colour = YOU if lit else ROBOT
        self._end.color = colour
        self._path.colors = np.tile(np.uint8(colour), (PIECES, 2, 1))
        self._end.position = tuple(points[-1])
        self._path.visible = self._end.visible = True

    def ahead(self, data: mujoco.MjData, velocity: np.ndarray) -> np.ndarray:
        """The hand's path in the next second at these joint velocities `(D,)`, `(11, 3)` [m]."""
        scratch, model = self._scratch, self._model
        scratch.qpos[:] = data.qpos
        points = []
        limited = model.jnt_limited[self._joints] > 0
        low, high = model.jnt_range[self._joints].T
        for piece in range(PIECES + 1):
            if piece:
                moved = scratch.qpos[self._entries] + velocity * AHEAD / PIECES
                scratch.qpos[self._entries] = np.where(limited, np.clip(moved, low, high), moved)
            mujoco.mj_kinematics(model, scratch)
            points.append(self.hand_at(scratch))
        return np.array(points)

    def hand_at(self, data: mujoco.MjData) -> np.ndarray:
        """Position of the hand, `(3,)` [m]."""
        kind, index = self.hand
        return np.array(data.site_xpos[index] if kind == "site" else data.xpos[index])

    def _ring(self, scene: Any, d: int, scale: float) -> Any:
        import trimesh

        hinge = self._model.jnt_type[self._joints[d]] == mujoco.mjtJoint.mjJNT_HINGE
        radius = (0.02 if hinge else 0.009) * scale
        mesh = trimesh.creation.torus(radius, 0.12 * radius, 32, 10)
        return scene.add_mesh_simple(
            f"/hints/ring{d}", mesh.vertices, mesh.faces, color=YOU, opacity=0.9, visible=False
        )


def hand_of(model: mujoco.MjModel, joints: list[int]) -> tuple[str, int]:
    """The site `end_effector`, or the body of the last driven joint."""
    site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, "end_effector")
    return ("site", site) if site >= 0 else ("body", int(model.jnt_bodyid[joints[-1]]))


def _turn_z_to(axis: np.ndarray) -> np.ndarray:
    quaternion = np.empty(4)
    mujoco.mju_quatZ2Vec(quaternion, axis / max(1e-9, float(np.linalg.norm(axis))))
    return quaternion
