"""Putting an environment, a policy and devices together, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium

from mac_control.envs import robot_of
from mac_control.errors import InputError
from mac_control.policies.base import Policy
from mac_control.policies.zero import ZeroPolicy
from mac_control.robot import Robot
from mac_control.teleop.defaults import default_mapping
from mac_control.teleop.device import Device
from mac_control.teleop.devices.keyboard import Keyboard
from mac_control.teleop.mapping import Mapping, load_mapping, mapping_names
from mac_control.teleop.operator import DeviceOperator
from mac_control.teleop.pacing import rate_of
from mac_control.teleop.task_space import TaskSpace


def assemble_policy(source: str | Path | None, env: gymnasium.Env) -> Policy:
    """A checkpoint's policy; None or "none" holds still where nobody drives."""
    if source is not None and str(source) != "none":
        from mac_control.checkpoint import load_policy

        return load_policy(source)
    space = env.action_space
    if not isinstance(space, gymnasium.spaces.Box):
        raise InputError(f"env: expected a Box action space, got {space}")
    return ZeroPolicy(env.observation_space.shape[0], space.low, space.high)


def assemble_operator(
    device: Device,
    env: gymnasium.Env,
    mapping: str | Path | Mapping | None = None,
    *,
    rate: float | None = None,
    **options: Any,
) -> DeviceOperator:
    """A device with its mapping, by default its own, and with task space where that is needed.

    `rate` is the control rate [Hz], by default the robot's; `options` go to `DeviceOperator`.
    """
    robot = robot_of(env)
    rate = rate_of(robot) if rate is None else rate
    if mapping is None:
        mapping = own_mapping(device, robot)
    elif not isinstance(mapping, Mapping):
        mapping = load_mapping(mapping, robot)
    if isinstance(device, Keyboard):
        device.explain(mapping, robot.labels)
    space = None
    if mapping.task_space is not None:
        model = getattr(env.unwrapped, "model", None)
        if model is None:
            raise InputError("task_space: expected an environment with a MuJoCo model, got none")
        space = TaskSpace(model, mapping.task_space, 1 / rate, robot)
    return DeviceOperator(device, mapping, task_space=space, period=1 / rate, **options)


def own_mapping(device: Device, robot: Robot) -> Mapping:
    """The mapping that ships for the device and this robot, or else one from its description."""
    for name in (f"{device.mapping}.{robot.name}", device.mapping):
        if name in mapping_names():
            return load_mapping(name, robot)
    return default_mapping(device, robot)
