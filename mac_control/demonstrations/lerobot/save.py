"""Saves demonstrations as a LeRobotDataset v3.0."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mac_control.demonstrations.episode import Demonstrations
from mac_control.demonstrations.lerobot.spec import LeRobotSpec
from mac_control.demonstrations.lerobot.write import LeRobotWriter
from mac_control.demonstrations.minari_write import expect_data_set
from mac_control.demonstrations.rate import recorded_rate
from mac_control.errors import InputError
from mac_control.files import atomic_folder, user_path
from mac_control.robot import Robot


def save_lerobot(
    demonstrations: Demonstrations,
    target: str | Path,
    *,
    fps: float | None = None,
    task: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write demonstrations as a LeRobotDataset v3.0 for LeRobot's own tools; returns its folder.

    `action` is what the demonstrator did, `observation.state` the observation. Where something
    else was executed, or an operator gave some dimensions, `complementary_info.executed`, `.given`
    and `.is_intervention` say so; in given dimensions, `action` is the given value. Subtasks become
    the tasks of their frames. Nothing is NaN. Large data are written a slice at a time.

    Args:
        target: a new folder.
        fps: control rate [Hz]; None: that of the data, else the robot's.
        task: what the robot does, in words, of data without subtasks; None: that of the data.
        overwrite: replace an existing data set.

    Raises:
        InputError: `target` already exists, the control rate is unknown, or there is a `task`
            beside subtasks.
    """
    folder = user_path(target)
    if folder.exists() and not overwrite:
        raise InputError(f"{folder}: expected a new folder, found one there")
    expect_data_set(folder)
    told = any(episode.subtasks is not None for episode in demonstrations)
    if told and task is not None:
        raise InputError(
            f"task: expected none for data with subtasks, which are the tasks, got {task!r}; "
            "leave it out"
        )
    robot = demonstrations.robot or _unnamed(demonstrations)
    rewards = all(episode.rewards is not None for episode in demonstrations)
    given = any(
        not episode.given.all() or not np.array_equal(episode.executed, episode.actions)
        for episode in demonstrations
    )
    own = {
        "tasks": list(demonstrations.tasks),
        "origin": demonstrations.provenance,
        "env": demonstrations.provenance.get("env"),
        "robot": demonstrations.robot.to_json() if demonstrations.robot else None,
        "subtasks": told,
    }
    spec = LeRobotSpec.of_robot(
        robot,
        demonstrations.obs_dim,
        recorded_rate(demonstrations) if fps is None else fps,
        given=given,
        rewards=rewards,
        failed=bool(demonstrations.failed.any()),
        own=own,
    )
    said = demonstrations.provenance.get("lerobot_tasks") or []
    if task is None and len(said) == 1 and not told:
        task = str(said[0])
    with atomic_folder(folder) as temporary, LeRobotWriter(temporary, spec, whole=True) as writer:
        for episode in demonstrations:
            writer.add(episode, task)
        writer.finish()
    return folder


def _unnamed(demonstrations: Demonstrations) -> Robot:
    from gymnasium.spaces import Box

    box = Box(-1.0, 1.0, (demonstrations.action_dim,), np.float32)
    robot = Robot.of_box("unknown", box)
    assert robot is not None
    return robot
