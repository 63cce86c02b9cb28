"""gym-aloha's tasks of two arms, observed by joints and objects instead of pictures."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from mac_control.errors import InputError
from mac_control.robot import ActionDim, Robot

_JOINTS = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate")


class AlohaEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """Two arms of six joints and a gripper each; actions `(14,)` are position targets.

    Joints are in rad, grippers from 0 (closed) to 1 (open). Observations are the same 14 positions
    and the pose of each object, in metres and as a quaternion: `(21,)` for `transfer_cube`, `(28,)`
    for `insertion`. gym-aloha's own environment draws three pictures a step, and takes actions in
    [-1, 1], although joints go further: here nothing is drawn, and the box is that of the joints.
    The reward is gym-aloha's: the stage of the task that is reached, up to 4.

    Args:
        task: `transfer_cube` or `insertion`.
        max_episode_steps: length of an episode, at 50 Hz.

    Raises:
        InputError: gym-aloha is missing, or an unknown task.
    """

    def __init__(self, task: str = "transfer_cube", max_episode_steps: int = 300) -> None:
        try:
            from gym_aloha.env import AlohaEnv as Original
        except ImportError as error:
            raise InputError(
                "env aloha: expected the package gym-aloha, got none; pip install "
                "'mac-control[aloha]'"
            ) from error
        if task not in ("transfer_cube", "insertion"):
            raise InputError(f"task: expected transfer_cube or insertion, got {task!r}")
        self._inner: Any = Original(task, obs_type="pixels_agent_pos")
        self._task = self._inner._env.task
        self._task.get_observation = self._undrawn
        self._physics = self._inner._env.physics
        self.model, self.data = self._physics.model.ptr, self._physics.data.ptr
        self.robot = _robot(self.model, objects=2 if task == "insertion" else 1)
        self.max_episode_steps, self._steps = max_episode_steps, 0
        self.action_space = Box(self.robot.low, self.robot.high)
        size = (len(self.robot.obs_names),)
        self.observation_space = Box(-np.inf, np.inf, size, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        # Without a seed it would draw from NumPy's global state.
        _, info = self._inner.reset(seed=int(self.np_random.integers(2**31)))
        self._steps = 0
        return self._obs(), info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        _, reward, terminated, _, info = self._inner.step(action)
        self._steps += 1
        late = self._steps >= self.max_episode_steps
        return self._obs(), float(reward), bool(terminated), late, info

    def _obs(self) -> np.ndarray:
        parts = self._task.get_qpos(self._physics), self._task.get_env_state(self._physics)
        return np.concatenate(parts).astype(np.float32)

    def _undrawn(self, physics: Any) -> dict[str, Any]:
        """What gym-aloha observes, without the pictures."""
        return {"qpos": self._task.get_qpos(physics), "images": {"top": np.zeros(0, np.uint8)}}


def _robot(model: Any, objects: int) -> Robot:
    actions: list[ActionDim] = []
    groups: dict[str, tuple[int, ...]] = {"grippers": ()}
    for side in ("left", "right"):
        first = len(actions)
        for joint in _JOINTS:
            low, high = model.joint(f"vx300s_{side}/{joint}").range
            label = f"{side} {joint.replace('_', ' ')}"
            actions.append(
                ActionDim(
                    f"{side}_{joint}",
                    float(low),
                    float(high),
                    "joint_position",
                    "rad",
                    label,
                    position=len(actions),
                )
            )
        at = len(actions)
        name = f"{side}_gripper"
        actions.append(ActionDim(name, 0.0, 1.0, "gripper", label=f"{side} gripper", position=at))
        groups[side] = tuple(range(first, at + 1))
        groups["grippers"] += (at,)
    poses = [f"object{i} {axis}" for i in range(objects) for axis in ("x", "y", "z", *"wijk")]
    names = (*(action.name for action in actions), *poses)
    return Robot("aloha", tuple(actions), groups, names, rate=50.0)
