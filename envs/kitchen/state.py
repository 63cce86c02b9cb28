"""Copies of a kitchen: snapshots, twins that share the scene, deep copies and pickles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mac_control.simulator import mujoco, restore_state, saved_state

if TYPE_CHECKING:
    from typing_extensions import Self


class Restorable:
    """State handling of :class:`KitchenEnv`; a copy continues from the original's state."""

    model: mujoco.MjModel
    data: mujoco.MjData
    render_mode: str | None
    np_random: np.random.Generator
    _kitchen: Any
    _made_with: dict[str, Any]
    _steps: int
    _observed: np.ndarray
    _done: list[str]

    @property
    def _noise(self) -> np.random.Generator:
        """The generator of the sensor noise."""
        noise: np.random.Generator = self._kitchen.robot_env.np_random
        return noise

    def __reduce__(self) -> Any:
        random = self.np_random.bit_generator.state
        return _made_again, (type(self), self._made_with, self.snapshot(), random)

    def snapshot(self) -> tuple[Any, ...]:
        """Everything that the next steps depend on, for `restore`."""
        state = saved_state(self.model, self.data)
        random = self._noise.bit_generator.state
        return state, self._observed.copy(), random, self._steps, list(self._done)

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Go back to a snapshot of this environment; the same actions then give the same steps."""
        state, observed, random, self._steps, done = snapshot
        restore_state(self.model, self.data, state)
        self._noise.bit_generator.state = random
        self._observed, self._done = observed.copy(), list(done)

    def twin(self) -> Self:
        """Another such environment, without a renderer, that shares the compiled scene.

        It costs a tenth of the time and memory of a new one; the two are independent. Reset it
        with a seed before anything else.
        """
        twin = _shallow_copy(self)
        twin._kitchen = _shallow_copy(self._kitchen)
        twin._kitchen.robot_env = robot = _shallow_copy(self._kitchen.robot_env)
        twin._kitchen.data = robot.data = mujoco.MjData(self.model)
        # FrankaKitchen keeps these lists for all episodes, and changes them in place.
        twin._kitchen.episode_task_completions, twin._kitchen.step_task_completions = [], []
        twin._np_random = twin._kitchen._np_random = robot._np_random = None
        twin.render_mode = twin._kitchen.render_mode = robot.render_mode = None
        return twin


def _made_again(
    cls: Any, options: dict[str, Any], snapshot: tuple[Any, ...], random: dict[str, Any]
) -> Any:
    env = cls(**options)
    env.reset()
    env.restore(snapshot)
    env.np_random.bit_generator.state = random
    return env


def _shallow_copy(env: Any) -> Any:
    twin = object.__new__(type(env))  # Gymnasium's `copy.copy` would make it all again
    twin.__dict__.update(env.__dict__)
    return twin
