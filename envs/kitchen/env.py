"""FrankaKitchen with flat observations, copied infos, and reward on the 0-4 scale."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from numbers import Real
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from mac_control.envs.kitchen.robot import (
    ARM_JOINTS,
    MAX_VELOCITY,
    N_FULL,
    N_POSITIONS,
    OBS,
    POSITIONS,
    ROBOT_JOINTS,
    ROBOTS,
    checked_tasks,
)
from mac_control.envs.kitchen.state import Restorable
from mac_control.errors import InputError, unknown_option
from mac_control.rendering import check_mode, choose_renderer
from mac_control.robot import Robot
from mac_control.seeds import optional_seed
from mac_control.simulator import mujoco

with contextlib.redirect_stderr(io.StringIO()):  # a notice about hands that are not used here
    import gymnasium_robotics
    from gymnasium_robotics.envs.franka_kitchen import kitchen_env

#: Of Gymnasium's MuJoCo environments.
_RENDER_OPTIONS = (
    "width",
    "height",
    "camera_id",
    "camera_name",
    "default_camera_config",
    "max_geom",
    "visual_options",
)


class KitchenEnv(Restorable, gymnasium.Env):
    """FrankaKitchen as a flat task; one reward for each subtask, when it is first completed.

    Steps are bit for bit FrankaKitchen's, without most of its time beyond the simulation.

    Args:
        tasks: the subtasks to do, or the name of a D4RL data set (`"complete"`, `"partial"`,
            `"mixed"`).
        obs: `"positions"`, `(30,)`: 9 robot and 21 object positions as in D4RL; or `"full"`,
            `(59,)`: with velocities, as in Minari. [rad], [m], [rad/s], [m/s]
        max_episode_steps: steps until truncation, at 12.5 Hz.
        robot_noise_ratio: scale of the noise on observed robot joints (0.1 as in D4RL).
        object_noise_ratio: scale of the noise on observed objects.
        init_noise: arm joints start uniformly within this of the usual pose [rad].
        render_mode: `None`, `"rgb_array"`, `"human"` (which needs a display) or `"depth_array"`.

    Actions `(9,)` in [-1, 1] are joint velocities, 1 being 2 rad/s (fingers: m/s).
    `info["tasks_done"]` lists the subtasks completed so far, in order; `info["success"]` is True
    when all are, which also ends the episode.

    Raises:
        InputError: an unknown subtask, observation or render mode, a number out of range, or no
            display to open a window on.

    Example:
        >>> env = make_kitchen(tasks="complete")
        >>> obs, info = env.reset(seed=0)
        >>> obs.shape, info["tasks_done"]
        ((30,), [])
        >>> env.close()
    """

    metadata = {"render_modes": ["human", "rgb_array", "depth_array"], "render_fps": 12}  # noqa: RUF012

    def __init__(
        self,
        tasks: str | Sequence[str] = "complete",
        obs: str = "positions",
        max_episode_steps: int = 280,
        robot_noise_ratio: float = 0.1,
        object_noise_ratio: float = 0.0005,
        init_noise: float = 0.0,
        render_mode: str | None = None,
        **render_options: Any,
    ) -> None:
        self.tasks = checked_tasks(tasks)
        self._made_with = {
            "tasks": self.tasks,
            "obs": obs,
            "max_episode_steps": max_episode_steps,
            "robot_noise_ratio": robot_noise_ratio,
            "object_noise_ratio": object_noise_ratio,
            "init_noise": init_noise,
            "render_mode": render_mode,
            **render_options,
        }
        for name in render_options:
            if name not in _RENDER_OPTIONS:
                own = [each for each in self._made_with if each not in render_options]
                raise InputError(f"kitchen: {unknown_option(name, [*own, *_RENDER_OPTIONS])}")
        if obs not in ("positions", "full"):
            raise InputError(f"obs: expected 'positions' or 'full', got {obs!r}")
        if max_episode_steps < 1:
            raise InputError(f"max_episode_steps: expected at least 1, got {max_episode_steps}")
        for name, value in (
            ("robot_noise_ratio", robot_noise_ratio),
            ("object_noise_ratio", object_noise_ratio),
            ("init_noise", init_noise),
        ):
            if not (isinstance(value, Real) and np.isfinite(value) and value >= 0):
                raise InputError(f"{name}: expected a finite number of at least 0, got {value!r}")
        check_mode(render_mode, self.metadata["render_modes"])
        gymnasium.register_envs(gymnasium_robotics)
        kitchen = gymnasium.make(
            "FrankaKitchen-v1",
            tasks_to_complete=list(self.tasks),
            robot_noise_ratio=robot_noise_ratio,
            object_noise_ratio=object_noise_ratio,
            render_mode=render_mode,
            disable_env_checker=True,
            **render_options,
        ).unwrapped
        self.robot: Robot = ROBOTS[obs]
        self._kitchen = cast(Any, kitchen)  # its attributes are not Gymnasium's
        self.render_mode = render_mode
        self.max_episode_steps = max_episode_steps
        self.init_noise = init_noise
        self._entries = POSITIONS if obs == "positions" else np.arange(N_FULL)
        self.observation_space = Box(-np.inf, np.inf, (len(self._entries),), np.float64)
        self.action_space = Box(-1.0, 1.0, (ROBOT_JOINTS,), np.float32)
        self._steps = 0
        self._done: list[str] = []
        robot = self._kitchen.robot_env
        robot.init_qvel = np.zeros(len(self.data.qvel))  # there it is a view of the live ones
        # As FrankaKitchen does, the object at entry i has the amplitude of entry i - 1.
        self._amplitude = np.r_[
            robot_noise_ratio * robot.robot_pos_noise_amp[:ROBOT_JOINTS],
            robot_noise_ratio * robot.robot_vel_noise_amp[:ROBOT_JOINTS],
            object_noise_ratio * robot.robot_pos_noise_amp[ROBOT_JOINTS - 1 :],
            object_noise_ratio * robot.robot_vel_noise_amp[ROBOT_JOINTS:],
        ]
        assert len(self._amplitude) == len(self.data.qpos) + len(self.data.qvel)
        bounds = robot.robot_vel_bound[:ROBOT_JOINTS].T / MAX_VELOCITY
        self._action_bounds = np.clip(bounds, -1.0, 1.0)
        self._position_bounds = robot.robot_pos_bound[:ROBOT_JOINTS].T.copy()
        self._observed = np.zeros(ROBOT_JOINTS)
        self._seconds = float(robot.dt)  # of a step
        entries = [kitchen_env.OBS_ELEMENT_INDICES[task] for task in self.tasks]
        self._task_entries = np.concatenate(entries)
        self._task_starts = np.cumsum([0, *map(len, entries[:-1])])
        self._goals = np.concatenate([kitchen_env.OBS_ELEMENT_GOALS[task] for task in self.tasks])

    @property
    def model(self) -> mujoco.MjModel:
        """The simulated scene."""
        return self._kitchen.model

    @property
    def data(self) -> mujoco.MjData:
        """The state of the simulated scene."""
        return self._kitchen.data

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode.

        `options={"state": (qpos, qvel)}`, `(30,)` and `(29,)`, starts it in that state.
        """
        seed = optional_seed(seed)
        super().reset(seed=seed)
        raw, _ = self._kitchen.reset(seed=seed)
        self._steps = 0
        self._done = []
        state = (options or {}).get("state")
        qpos, qvel = self._checked_state(state)
        if self.init_noise and state is None:
            noise = self.np_random.uniform(-self.init_noise, self.init_noise, ARM_JOINTS)
            qpos[:ARM_JOINTS] += noise
        if self.init_noise or state is not None:
            self._kitchen.robot_env.set_state(qpos, qvel)
            return self._observe(), self._info()
        full = raw["observation"]
        self._observed = full[:ROBOT_JOINTS]
        return full[self._entries], self._info()

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Apply an action `(9,)` for 0.08 s; values beyond [-1, 1] are clipped.

        Raises:
            InputError: wrong shape, or a number that is not finite; the simulation is untouched.
        """
        action = np.asarray(action, np.float64)
        if action.shape != (ROBOT_JOINTS,) or not np.isfinite(action).all():
            raise InputError(
                f"action: expected {ROBOT_JOINTS} finite numbers, got {action.shape}, {action}"
            )
        data = self.data
        velocity = _bounded(action, *self._action_bounds) * MAX_VELOCITY
        target = self._observed + velocity * self._seconds
        data.ctrl[:] = _bounded(target, *self._position_bounds)
        mujoco.mj_step(self.model, data, self._kitchen.robot_env.frame_skip)
        self._steps += 1
        gap = data.qpos[self._task_entries] - self._goals
        near = np.add.reduceat(gap * gap, self._task_starts) < kitchen_env.BONUS_THRESH**2
        completed = [
            task for task, at in zip(self.tasks, near, strict=True) if at and task not in self._done
        ]
        self._done += completed
        if self.render_mode == "human":
            self.render()
        terminated = len(self._done) == len(self.tasks)
        truncated = self._steps >= self.max_episode_steps
        return self._observe(), float(len(completed)), terminated, truncated, self._info()

    @property
    def subtasks(self) -> tuple[str, ...]:
        """The subtasks that are rewarded, as :attr:`tasks`."""
        return self.tasks

    @property
    def camera(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Best camera position for the scene, and the point to look at [m]."""
        return (-0.85, -1.15, 2.6), (-0.1, 0.4, 1.85)

    def start_options(self, observation: np.ndarray) -> dict[str, Any]:
        """`options` that reset to the positions, and velocities if any, of an observation."""
        first = np.asarray(observation, np.float64)
        if len(first) == N_POSITIONS:
            return {"state": (first, np.zeros(len(self.data.qvel)))}
        robot, objects = 2 * ROBOT_JOINTS, N_FULL - N_POSITIONS + ROBOT_JOINTS + 1
        qpos = np.r_[first[:ROBOT_JOINTS], first[robot:objects]]
        return {"state": (qpos, np.r_[first[ROBOT_JOINTS:robot], first[objects:]])}

    def render(self) -> Any:
        """A picture of the scene, as `render_mode` says.

        Raises:
            InputError: nothing draws pictures on this machine; with what to install or to set.
        """
        if self.render_mode in ("rgb_array", "depth_array"):
            choose_renderer()  # before a half-made one could raise again when it is freed
        return self._kitchen.render()

    def close(self) -> None:
        """Free the renderer."""
        self._kitchen.close()

    def _checked_state(self, state: Any) -> tuple[np.ndarray, np.ndarray]:
        usual = (self.data.qpos.copy(), self.data.qvel.copy())
        if state is None:
            return usual
        given: tuple[Any, ...] = tuple(np.array(part, np.float64) for part in state)
        if [part.shape for part in given] != [part.shape for part in usual] or not all(
            np.isfinite(part).all() for part in given
        ):
            raise InputError(
                f"state: expected finite qpos {usual[0].shape} and qvel {usual[1].shape}, "
                f"got shapes {[part.shape for part in given]}"
            )
        return given[0], given[1]

    def _observe(self) -> np.ndarray:
        qpos, qvel = self.data.qpos, self.data.qvel
        full = np.concatenate(
            (qpos[:ROBOT_JOINTS], qvel[:ROBOT_JOINTS], qpos[ROBOT_JOINTS:], qvel[ROBOT_JOINTS:])
        )
        full += self._amplitude * self._noise.uniform(-1.0, 1.0, len(full))
        self._observed = full[:ROBOT_JOINTS]  # where the velocity controller starts from
        return full[self._entries]  # fancy indexing: a copy

    @staticmethod
    def fit(obs_dim: int, action_dim: int) -> dict[str, Any]:
        """Options that follow from the sizes of a policy."""
        return {"obs": OBS.get(obs_dim, "positions")}

    def _info(self) -> dict[str, Any]:
        return {"tasks_done": list(self._done), "success": len(self._done) == len(self.tasks)}


def _bounded(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Same as `np.clip`, in a quarter of its time, which matters in each step."""
    within: np.ndarray = np.minimum(np.maximum(x, low), high)
    return within


make_kitchen = KitchenEnv
