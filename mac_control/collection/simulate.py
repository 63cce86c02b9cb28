"""What simulated episodes of a process share: environment, demonstrations, test of success."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import gymnasium
import numpy as np

from mac_control.demonstrations import Demonstrations, load_demonstrations
from mac_control.envs import make_env
from mac_control.envs.abilities import subtasks_of
from mac_control.envs.name import EnvName
from mac_control.robot import Robot


def shared_env(name: EnvName, robot: Robot | None = None) -> Any:
    """The environment of this name, one per process: loading a scene takes long."""
    described = None if robot is None else robot.to_json()
    return _env(json.dumps([name.to_json(), described], sort_keys=True))


@cache
def _env(record: str) -> Any:
    name, described = json.loads(record)
    robot = None if described is None else Robot.from_json(described)
    return make_env(EnvName(name["id"], name["options"]), robot)


@cache
def shared_demonstrations(source: str) -> Demonstrations:
    """The demonstrations of this source, read once per process."""
    return load_demonstrations(source)


def achieved(
    env: gymnasium.Env, rewards: Sequence[float], info: dict[str, Any], least: float | None
) -> bool:
    """Whether an episode is worth learning from, by its rewards and its last `info`.

    `least` is the least reward. None: 3, or all where there are fewer, where the environment
    counts subtasks; else any, unless the environment reports a failure.
    """
    if least is None and "tasks_done" not in info:
        success = info.get("success", info.get("is_success"))
        return success is None or bool(np.all(success))
    if least is None:
        least = min(3, len(subtasks_of(env)) or 3)
    return bool(np.sum(rewards) >= least)
