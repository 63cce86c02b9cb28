"""Policies that follow known demonstrations: helpers without a network, to compare with."""

from __future__ import annotations

import mujoco
import numpy as np

from mac_control.demonstrations import Demonstrations
from mac_control.envs.kitchen.arm import arm_model
from mac_control.errors import InputError
from mac_control.operators.tracker import ARM_JOINTS, FINGER_GAIN, GAIN, Tracker
from mac_control.policies import Policy
from mac_control.policies.retrieval import AHEAD, BELIEF, FREE, KEPT, PATIENCE, RIDGE

TURN = 0.25  # weight of an error in rotation [m/rad]
POSTURE = 0.02  # weight of the plan's own joints beside the pose of the hand [m²/rad²]

HOW = ("track", "hand", "condition")


class FollowOne(Policy):
    """Tracks one demonstration; what is given is overlaid."""

    def __init__(self, demonstrations: Demonstrations) -> None:
        self.obs_dim = demonstrations.obs_dim
        self.low = -np.ones(demonstrations.action_dim, np.float32)
        self.high = -self.low
        self._tracker = Tracker(demonstrations)

    def reset(self, seed: int | None = None) -> None:
        self._tracker.reset(seed)

    def complete(self, obs: np.ndarray, values: np.ndarray, given: np.ndarray) -> np.ndarray:
        return np.stack([self._tracker.read(row).values for row in obs])


class Hand:
    """Where the hand is for joint positions `(7,)` [rad], and how it moves with them."""

    def __init__(self) -> None:
        self._model = arm_model()
        self._data = mujoco.MjData(self._model)
        self._site = self._model.site("tip").id

    def pose(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Position `(3,)` [m], rotation `(3, 3)` and Jacobian `(6, 7)`."""
        self._data.qpos[:] = joints
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        jacobian = np.empty((6, ARM_JOINTS))
        mujoco.mj_jacSite(self._model, self._data, jacobian[:3], jacobian[3:], self._site)
        site = self._data.site(self._site)
        return site.xpos.copy(), site.xmat.reshape(3, 3).copy(), jacobian


class FollowPlan(Policy):
    """Follows the demonstration that has best predicted what was given over the last second.

    Every demonstration keeps a frame, the one among the next few whose positions and commands are
    nearest to the robot's and the operator's; e is how far that was off, over the last second.
    What is free does as the plan says (`track`), or also makes up for what is given. With `hand`
    the free joints solve

        min |W (J_free a_free + J_given a_given - v)|² + μ |a_free - a_plan|²

    for the motion v of the hand that the plan has, so that it goes where it should whatever the
    given joints do. With `condition` they follow the given ones as they do from plan to plan:

        a_free + S_free,given (S_given,given + ρ I)⁻¹ (given - a_given)

    for the covariance S of what the plans would do now, with weights exp(-e / 2b²). For one
    episode at a time.

    Args:
        demonstrations: the plans.
        how: `track`, `hand` or `condition`.

    Raises:
        InputError: another `how`.
    """

    def __init__(self, demonstrations: Demonstrations, how: str = "hand") -> None:
        if how not in HOW:
            raise InputError(f"how: expected one of {', '.join(HOW)}, got {how!r}")
        self.obs_dim = demonstrations.obs_dim
        self.low = -np.ones(demonstrations.action_dim, np.float32)
        self.high = -self.low
        self._seen = [e.observations.astype(float) for e in demonstrations]
        self._done = [e.actions.astype(float) for e in demonstrations]
        self._how = how
        self._hand = Hand() if how == "hand" else None
        self._gains = np.r_[np.full(ARM_JOINTS, GAIN), FINGER_GAIN, FINGER_GAIN]
        self.reset()

    def reset(self, seed: int | None = None) -> None:
        count = len(self._seen)
        self._frame, self._waited = np.zeros(count, int), np.zeros(count, int)
        self._error, self._plan = np.zeros(count), 0

    def complete(self, obs: np.ndarray, values: np.ndarray, given: np.ndarray) -> np.ndarray:
        return np.stack([self._act(*row) for row in zip(obs, values, given, strict=True)])

    def _act(self, obs: np.ndarray, values: np.ndarray, given: np.ndarray) -> np.ndarray:
        joints, arm_given = obs[:ARM_JOINTS], given[:ARM_JOINTS]
        for plan in range(len(self._seen)):
            self._advance(plan, obs, values, arm_given)
        best = int(self._error.argmin())
        if self._error[best] < 0.8 * self._error[self._plan]:
            self._plan = best
        wanted = self._command(self._plan, obs)
        if self._how == "condition" and given.any():
            return np.clip(self._conditioned(wanted, obs, values, given), -1, 1)
        if self._hand is not None and arm_given.any() and not arm_given.all():
            frame = self._frame[self._plan]
            seen, action = self._seen[self._plan][frame], self._done[self._plan][frame]
            position, rotation, jacobian = self._hand.pose(joints)
            goal, facing, there = self._hand.pose(seen[:ARM_JOINTS])
            motion = there @ action[:ARM_JOINTS]
            motion[:3] += GAIN * (goal - position)
            motion[3:] += GAIN * rotation @ _turn(rotation.T @ facing)
            weight = np.r_[np.ones(3), np.full(3, TURN)]
            left = weight * (motion - jacobian[:, arm_given] @ values[:ARM_JOINTS][arm_given])
            free = weight[:, None] * jacobian[:, ~arm_given]
            posture = wanted[:ARM_JOINTS][~arm_given]
            normal = free.T @ free + POSTURE * np.eye(free.shape[1])
            solved = np.linalg.solve(normal, free.T @ left + POSTURE * posture)
            wanted[:ARM_JOINTS][~arm_given] = solved
        return np.clip(wanted, -1, 1)

    def _command(self, plan: int, obs: np.ndarray) -> np.ndarray:
        """What a plan would do now."""
        frame = self._frame[plan]
        return self._done[plan][frame] + self._gains * (self._seen[plan][frame, :9] - obs[:9])

    def _conditioned(
        self, wanted: np.ndarray, obs: np.ndarray, values: np.ndarray, given: np.ndarray
    ) -> np.ndarray:
        commands = np.stack([self._command(plan, obs) for plan in range(len(self._seen))])
        weights = np.exp(-(self._error - self._error.min()) / (2 * BELIEF**2))
        weights /= weights.sum()
        around = commands - weights @ commands
        covariance = (weights[:, None] * around).T @ around
        explained = covariance[np.ix_(given, given)] + RIDGE * np.eye(given.sum())
        off = np.linalg.solve(explained, (values - wanted)[given])
        return np.where(given, values, wanted + covariance[:, given] @ off)

    def _advance(self, plan: int, obs: np.ndarray, values: np.ndarray, given: np.ndarray) -> None:
        """Move a plan's frame on, and note how well it explains what is seen and given."""
        frame = self._frame[plan]
        ahead = slice(frame, frame + AHEAD)
        gap = self._seen[plan][ahead, :ARM_JOINTS] - obs[:ARM_JOINTS]
        cost = (np.where(given, 1.0, FREE) * gap**2).sum(1)
        command = self._done[plan][ahead, :ARM_JOINTS] + GAIN * gap
        cost += (given * (command - values[:ARM_JOINTS]) ** 2).sum(1) / GAIN**2
        step = int(cost.argmin())
        self._waited[plan] = 0 if step else self._waited[plan] + 1
        if self._waited[plan] >= PATIENCE:
            step, self._waited[plan] = 1, 0
        self._frame[plan] = min(frame + step, len(self._seen[plan]) - 1)
        objects = self._seen[plan][self._frame[plan], 9:] - obs[9:]
        error = cost[min(step, len(cost) - 1)] + (objects**2).sum()
        self._error[plan] = KEPT * self._error[plan] + (1 - KEPT) * error


def _turn(rotation: np.ndarray) -> np.ndarray:
    """A rotation `(3, 3)` as a vector [rad]."""
    quaternion, vector = np.empty(4), np.empty(3)
    mujoco.mju_mat2Quat(quaternion, rotation.ravel())
    mujoco.mju_quat2Vel(vector, quaternion, 1.0)
    return vector
