"""What simulated episodes have in common: one environment per process, and which are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from mac_control.envs import make_env
from mac_control.envs.make import EnvName


def shared_env(name: EnvName) -> Any:
    """The environment of this name, one per process: loading a scene takes longer than steps."""
    return _env(json.dumps(name.to_json(), sort_keys=True))


@cache
def _env(record: str) -> Any:
    values = json.loads(record)
    return make_env(EnvName(values["id"], values["options"]))


def achieved(rewards: Sequence[float], info: dict[str, Any], least: float | None) -> bool:
    """Whether an episode, whose last `info` is given, is worth learning from.

    `least` is the reward that is asked for. None: 3 where the environment counts subtasks; else
    the environment must not report a failure.
    """
    counts = "tasks_done" in info
    if least is None:
        least = 3.0 if counts else -np.inf
    success = info.get("success", info.get("is_success"))
    failed = success is not None and not success and not counts
    return bool(np.sum(rewards) >= least and not failed)
