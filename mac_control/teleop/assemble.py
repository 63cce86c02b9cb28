"""Assembles an environment, a policy and devices, by name."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gymnasium

from mac_control.envs import robot_of
from mac_control.errors import InputError
from mac_control.policies.base import Policy
from mac_control.policies.zero import ZeroPolicy
from mac_control.robot import Robot
from mac_control.teleop.defaults import default_mapping
from mac_control.teleop.device import Device, make_device
from mac_control.teleop.devices.keyboard import Keyboard
from mac_control.teleop.mapping import Mapping
from mac_control.teleop.mapping_file import load_mapping, mapping_names
from mac_control.teleop.operator import DeviceOperator
from mac_control.teleop.options import DeviceSpec
from mac_control.teleop.pacing import rate_of
from mac_control.teleop.recorder import EpisodeRecorder
from mac_control.teleop.task_space import TaskSpace


def assemble_policy(source: str | Path | None, env: gymnasium.Env) -> Policy:
    """A checkpoint's policy; None or "none" holds still in free dimensions."""
    if source is not None and str(source) != "none":
        from mac_control.checkpoint import load_policy

        policy, robot = load_policy(source), robot_of(env)
        if policy.robot is not None and policy.robot.name != robot.name:
            print(
                f"policy: it was trained for {policy.robot.name}; this is {robot.name}",
                file=sys.stderr,
            )
        return policy
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
    dims: Collection[int] | None = None,
    **options: Any,
) -> DeviceOperator:
    """A device with a mapping, by default its own, and with task space where needed.

    `rate` is the control rate [Hz], by default the robot's; `dims` are the dimensions it drives,
    None: all that its mapping does; `options` go to `DeviceOperator`.
    """
    robot = robot_of(env)
    device.expect_robot(robot)
    rate = rate_of(robot) if rate is None else rate
    if mapping is None:
        mapping = own_mapping(device, robot, dims)
    elif not isinstance(mapping, Mapping):
        mapping = load_mapping(mapping, robot)
    if dims is not None:
        mapping = mapping.only(dims)
    if isinstance(device, Keyboard):
        device.explain(mapping, robot.labels)
    space = None
    if mapping.task_space is not None:
        model = getattr(env.unwrapped, "model", None)
        if model is None:
            raise InputError("task_space: expected an environment with a MuJoCo model, got none")
        space = TaskSpace(model, mapping.task_space, 1 / rate, robot)
    return DeviceOperator(device, mapping, task_space=space, period=1 / rate, **options)


def assemble_devices(
    specs: Sequence[DeviceSpec],
    env: gymnasium.Env,
    mapping: str | Path | None = None,
    **options: Any,
) -> list[DeviceOperator]:
    """The devices that a command line names, connected, in its order.

    Args:
        specs: one per device; a device named after a group or dimension drives that alone.
        env: the environment whose robot they drive.
        mapping: for devices that name none of their own.
        options: of :func:`assemble_operator`.

    Raises:
        InputError: an unknown device, option, group or mapping; those opened before are closed.
        DeviceError: a device is not there; likewise.
    """
    robot, operators = robot_of(env), list[DeviceOperator]()
    try:
        for spec in specs:
            known = {*robot.groups, *robot.labels, *(action.name for action in robot.actions)}
            names = spec.dims or ((spec.name,) if spec.name in known else ())
            dims = robot.dims(*names) if names else None
            device = make_device(spec.kind, **spec.options)
            chosen = mapping if spec.mapping is None else spec.mapping
            operators.append(assemble_operator(device, env, chosen, dims=dims, **options))
            operators[-1].name = spec.name or spec.kind
            _tell_axes(operators[-1])
    except BaseException:
        for operator in operators:
            with suppress(Exception):
                operator.close()
        raise
    return operators


def _tell_axes(operator: DeviceOperator) -> None:
    """Say on stderr if a device has axes but its mapping names only others."""
    try:
        there, mapping = operator.device.read().axes, operator.mapping
    except Exception:  # the operator reports it at its next reading, and tries again
        return
    named = {axis.axis for axis in mapping.axes}
    if there and named and named.isdisjoint(there) and not mapping.buttons:
        print(
            f"mapping: expected some of the axes of {operator.name}, {', '.join(there)}, got "
            f"{', '.join(sorted(named))}: it drives nothing",
            file=sys.stderr,
        )


def own_mapping(device: Device, robot: Robot, dims: Collection[int] | None = None) -> Mapping:
    """The mapping that ships for the device and this robot, otherwise one from its description.

    A mapping for only some `dims` is made from the description: they then have all the axes.
    """
    if dims is not None:
        return default_mapping(device, robot, dims)
    for name in (f"{device.layout}.{robot.name}", device.layout):
        if name in mapping_names():
            return load_mapping(name, robot)
    return default_mapping(device, robot)


def assemble_recorder(
    folder: str | Path,
    env: gymnasium.Env,
    about: dict[str, Any],
    kind: str | None = None,
    task: str | None = None,
    **keep: bool,
) -> EpisodeRecorder:
    """A recorder into a folder, as `minari` or `lerobot`; None: what fits the folder and `env`.

    `about` is recorded with the episodes: `env`, an environment's name in JSON, `rate`, the
    control rate [Hz], and more. `task` is the sentence of a LeRobotDataset, `keep` its
    `keep_all` and `keep_failed`.

    Raises:
        InputError: an unknown kind, or a task that it would not record.
    """
    from mac_control.demonstrations.lerobot.meta import is_lerobot
    from mac_control.demonstrations.minari_read import minari_folder

    if kind is None:
        of_lerobot = about["env"]["id"] == "lerobot" or is_lerobot(folder)
        kind = "lerobot" if of_lerobot and minari_folder(folder) is None else "minari"
    if kind == "lerobot":
        from mac_control.teleop.recording_lerobot import LeRobotRecorder

        return LeRobotRecorder(folder, env, about, task=task, rate=about["rate"], **keep)
    if task is not None:
        raise InputError("task: expected it with --record-as lerobot alone, got it with minari")
    if kind != "minari":  # only from Python: the command line checks it
        raise InputError(f"record_as: expected minari or lerobot, got {kind!r}")
    from mac_control.teleop.recording import MinariRecorder

    return MinariRecorder(folder, env, about, **keep)
