"""Putting an environment, a policy and devices together, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium

from mac_control.errors import InputError
from mac_control.policies.base import Policy
from mac_control.teleop.device import Device
from mac_control.teleop.mapping import Mapping, load_mapping
from mac_control.teleop.operator import DeviceOperator
from mac_control.teleop.still import Still
from mac_control.teleop.task_space import TaskSpace


def assemble_policy(source: str | Path | None, env: gymnasium.Env) -> Policy:
    """A checkpoint's policy; None stands still where nobody drives."""
    if source is not None:
        from mac_control.checkpoint import load_policy

        return load_policy(source)
    space = env.action_space
    if not isinstance(space, gymnasium.spaces.Box):
        raise InputError(f"env: expected a Box action space, got {space}")
    return Still(env.observation_space.shape[0], space.low, space.high)


def assemble_operator(
    device: Device,
    env: gymnasium.Env,
    mapping: str | Path | Mapping | None = None,
    *,
    rate: float = 12.5,
    **options: Any,
) -> DeviceOperator:
    """A device with its mapping, by default its own, and with task space where that is needed.

    `options` go to `DeviceOperator`.
    """
    if not isinstance(mapping, Mapping):
        mapping = load_mapping(mapping or _own_mapping(device, env), env.action_space.shape[0])
    space = None
    if mapping.task_space is not None:
        model = getattr(env.unwrapped, "model", None)
        if model is None:
            raise InputError("task_space: expected an environment with a MuJoCo model, got none")
        space = TaskSpace(model, mapping.task_space, 1 / rate)
    return DeviceOperator(device, mapping, task_space=space, **options)


def _own_mapping(device: Device, env: gymnasium.Env) -> str:
    # The page has sliders for whatever there is; its sticks and keys are for the kitchen's arm.
    if device.mapping == "cockpit" and not hasattr(env.unwrapped, "tasks"):
        return "network"
    return device.mapping


def make_env(name: str, tasks: str, obs: str, steps: int, noise: float) -> gymnasium.Env:
    """`kitchen`, or a registered Gymnasium environment by its id."""
    if name == "kitchen":
        from mac_control.envs import make_kitchen

        return make_kitchen(tasks, obs=obs, max_episode_steps=steps, robot_noise_ratio=noise)
    try:
        return gymnasium.make(name, max_episode_steps=steps)
    except gymnasium.error.Error as error:
        raise InputError(f"env: expected kitchen or an id of Gymnasium: {error}") from error
