"""The Adroit hand's tasks, with given starts, an explicit success rule and hidden goals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from mac_control.envs.adroit.robot import hand_robot
from mac_control.envs.adroit.starts import start_state
from mac_control.envs.adroit.tasks import TASKS
from mac_control.envs.name import register_robotics
from mac_control.errors import InputError, did_you_mean
from mac_control.rendering import check_mode, choose_renderer
from mac_control.robot import Robot
from mac_control.seeds import optional_seed
from mac_control.simulator import mujoco, restore_state, saved_state


class HandEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """A task of gymnasium-robotics' Adroit hand, with the same steps and rewards.

    An action in [-1, 1] is a joint position target, scaled to the joint's range; numbers beyond
    are clipped, and `info["clipped"]` counts them. `info["reached"]` says whether the goal is
    reached now, and `info["success"]` whether it has been in `success_steps` steps of the episode.

    Args:
        task: `door` (28 actions), `hammer` (26), `pen` (24) or `relocate` (30).
        version: of gymnasium-robotics' environment, e.g. `v1`; None: the newest that is installed.
            The reward of `v1` depends on the release: it was changed within that version.
        reward: `dense` or `sparse`.
        max_episode_steps: steps until truncation, at 100 Hz.
        success_steps: steps with the goal reached that make an episode a success.
        end_on_success: whether a success ends the episode; its return is then not comparable to the
            task's.
        hide_goal: whether observations leave out the goal (`pen`, `relocate`); only
            :meth:`operator_obs` then has it.
        scene_noise: largest displacement of the object from its place in an episode's start, in
            each direction [m] (`door`, where it may go beyond the usual range too, and `relocate`).
        render_mode: `None`, `"rgb_array"`, `"human"` (which needs a display) or `"depth_array"`.

    Raises:
        InputError: an unknown task, version, reward or render mode, a number out of range, or
            a task without a goal to hide.

    Example:
        >>> env = HandEnv("relocate", hide_goal=True)
        >>> obs, info = env.reset(seed=0)
        >>> obs.shape, env.operator_obs().shape, info["success"]
        ((33,), (39,), False)
        >>> env.close()
    """

    metadata = {"render_modes": ["human", "rgb_array", "depth_array"], "render_fps": 100}  # noqa: RUF012

    def __init__(
        self,
        task: str = "door",
        version: str | None = None,
        reward: str = "dense",
        max_episode_steps: int = 200,
        success_steps: int = 10,
        end_on_success: bool = False,
        hide_goal: bool = False,
        scene_noise: float = 0.0,
        render_mode: str | None = None,
        **render_options: Any,
    ) -> None:
        if task not in TASKS:
            raise InputError(
                f"task: expected one of {', '.join(TASKS)}, got {task!r}{did_you_mean(task, TASKS)}"
            )
        if reward not in ("dense", "sparse"):
            raise InputError(f"reward: expected dense or sparse, got {reward!r}")
        for name, value in (
            ("max_episode_steps", max_episode_steps),
            ("success_steps", success_steps),
        ):
            if value < 1:
                raise InputError(f"{name}: expected at least 1, got {value}")
        if not (np.isfinite(scene_noise) and scene_noise >= 0):
            raise InputError(f"scene_noise: expected at least 0, got {scene_noise}")
        self.task = TASKS[task]
        if hide_goal and not self.task.goal:
            raise InputError(f"hide_goal: expected a task with a goal to hide, got {task}")
        check_mode(render_mode, self.metadata["render_modes"])
        chosen = self._id(reward, version)
        self._inner: Any = gymnasium.make(
            chosen, render_mode=render_mode, disable_env_checker=True, **render_options
        ).unwrapped
        self.render_mode, self.max_episode_steps = render_mode, max_episode_steps
        self.success_steps, self.end_on_success = success_steps, end_on_success
        self.scene_noise = scene_noise
        whole = hand_robot(self._inner, chosen)
        self._entries = np.array(self.task.entries(hide_goal))
        names = [whole.obs_names[i] for i in self._entries]
        self.robot: Robot = Robot(chosen, whole.actions, whole.groups, tuple(names), whole.rate)
        self.observation_space = Box(-np.inf, np.inf, (len(names),), np.float64)
        self.action_space = Box(-1.0, 1.0, (self.robot.action_dim,), np.float32)
        self._steps = self._reached = 0
        self._full = np.zeros(len(whole.obs_names))

    @property
    def model(self) -> mujoco.MjModel:
        """The simulated scene."""
        return self._inner.model

    @property
    def data(self) -> mujoco.MjData:
        """The state of the simulated scene."""
        return self._inner.data

    @property
    def camera(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Best camera position for the scene, and the point to look at [m]."""
        return self.task.camera

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode.

        `options={"initial_state_dict": state}` starts it in a state of `get_env_state` of
        gymnasium-robotics' environment: `qpos`, `qvel` and the poses of the task's objects.

        Raises:
            InputError: a state of the wrong form, or one that is not finite.
        """
        seed = optional_seed(seed)
        super().reset(seed=seed)
        state = (options or {}).get("initial_state_dict")
        checked = None if state is None else self._checked(state)
        self._full, _ = self._inner.reset(seed=seed)
        if checked is None and self.scene_noise:
            checked = self._own(self._inner.get_env_state())
        if checked is not None:
            self._move(checked)
            self._inner.set_env_state(checked)
            self._full = self._inner._get_obs()
        self._steps = self._reached = 0
        return self._full[self._entries], self._info(False, 0)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Apply an action `(D,)` for one control step, 0.01 s.

        Raises:
            InputError: wrong shape, or a number that is not finite; the simulation is untouched.
        """
        wanted = np.asarray(action, np.float64)
        if wanted.shape != self.action_space.shape or not np.isfinite(wanted).all():
            raise InputError(
                f"action: expected {self.robot.action_dim} finite numbers, got {wanted.shape}, "
                f"{wanted}"
            )
        clipped = int((np.abs(wanted) > 1.0).sum())
        self._full, reward, _, _, info = self._inner.step(wanted)
        self._steps += 1
        reached = bool(info["success"])
        self._reached += reached
        told = self._info(reached, clipped)
        over = self.end_on_success and told["success"]
        late = self._steps >= self.max_episode_steps
        return self._full[self._entries], float(reward), over, late, told

    def operator_obs(self) -> np.ndarray:
        """The whole observation, including the goal."""
        return np.array(self._full)

    def start_options(self, observation: np.ndarray) -> dict[str, Any]:
        """`options` that reset to the state that a first observation `(O,)` shows, at rest.

        What it does not show (a pen's or a hammer's orientation, a hidden goal) keeps its default.
        """
        full = self._inner._get_obs()
        shown = np.asarray(observation, np.float64)
        if shown.shape != self._entries.shape:
            raise InputError(f"start: expected {len(self._entries)} entries, got {shown.shape}")
        full[self._entries] = shown
        hidden = len(full) > len(shown)
        state = start_state(self._inner, self.task, full, hidden)
        return {"initial_state_dict": self._own(state)}

    def snapshot(self) -> tuple[Any, ...]:
        """Everything that the next steps depend on, for `restore`."""
        state = saved_state(self.model, self.data)
        return state, self._full.copy(), self._steps, self._reached

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Go back to a snapshot of this episode; the same actions then give the same steps."""
        state, full, self._steps, self._reached = snapshot
        restore_state(self.model, self.data, state)
        self._full = full.copy()

    def render(self) -> Any:
        """A picture of the scene, as `render_mode` says.

        Raises:
            InputError: nothing draws pictures on this machine; with what to install or to set.
        """
        if self.render_mode in ("rgb_array", "depth_array"):
            choose_renderer()  # before a half-made one could raise again when it is freed
        return self._inner.render()

    def close(self) -> None:
        """Free the renderer."""
        self._inner.close()

    def _id(self, reward: str, version: str | None) -> str:
        name = f"AdroitHand{self.task.name}{'Sparse' if reward == 'sparse' else ''}"
        register_robotics(name)
        known = sorted(
            i.removeprefix(f"{name}-") for i in gymnasium.registry if i.startswith(f"{name}-v")
        )
        if version is not None and version not in known:
            raise InputError(f"version: expected one of {', '.join(known)}, got {version!r}")
        return f"{name}-{version or max(known, key=lambda v: int(v[1:]))}"

    def _info(self, reached: bool, clipped: int) -> dict[str, Any]:
        success = self._reached >= self.success_steps
        return {"success": success, "reached": reached, "clipped": clipped}

    def _own(self, state: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The parts of a state that the environment accepts."""
        names = self._inner._state_space.spaces
        return {name: np.array(state[name], np.float64) for name in names}

    def _checked(self, state: Any) -> dict[str, np.ndarray]:
        spaces = self._inner._state_space.spaces
        try:
            own = self._own(state)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"initial_state_dict: expected arrays {', '.join(spaces)}, got {state!r:.100}"
            ) from error
        for name, part in own.items():
            if part.shape != spaces[name].shape or not np.isfinite(part).all():
                raise InputError(
                    f"initial_state_dict: {name}: expected {spaces[name].shape} finite numbers, "
                    f"got {part.shape}"
                )
        return own

    def _move(self, state: dict[str, np.ndarray]) -> None:
        """Displace the task's object a little."""
        for name, axes in (("door_body_pos", 3), ("obj_pos", 2)):
            if name in state and self.scene_noise:
                noise = self.np_random.uniform(-self.scene_noise, self.scene_noise, axes)
                state[name][:axes] += noise
