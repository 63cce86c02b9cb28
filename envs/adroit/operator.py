"""The published expert of a task as an operator."""

from __future__ import annotations

import os
from pathlib import Path

import gymnasium

from mac_control.demonstrations.load import FOLDER_VARIABLE
from mac_control.envs.adroit.env import HandEnv
from mac_control.errors import InputError
from mac_control.operators.proxy import Proxy, policy_operator


def hand_expert(env: gymnasium.Env) -> Proxy:
    """The operator `hand-expert`: the weights that DAPG published for the environment's task.

    The weights are read from `adroit/TASK_expert.npz` in the folder that MAC_CONTROL_DATA names.
    The operator sees the goal, even where it is hidden from policies.

    Raises:
        InputError: not a task of the hand, or no such weights.
    """
    inner = env.unwrapped
    if not isinstance(inner, HandEnv):
        raise InputError("operator hand-expert: expected the environment hand, got another")
    name = f"adroit/{inner.task.name.lower()}_expert.npz"
    file = Path(os.environ.get(FOLDER_VARIABLE, ""), name)
    if FOLDER_VARIABLE not in os.environ or not file.is_file():
        raise InputError(
            f"operator hand-expert: expected {name} in the folder that {FOLDER_VARIABLE} names, "
            "found none; convert DAPG's policy of the task, or use policy:WEIGHTS.npz"
        )
    return policy_operator(str(file), env)


def _weights() -> list[Path]:
    return sorted(Path(os.environ.get(FOLDER_VARIABLE, ""), "adroit").glob("*_expert.npz"))


#: Files that its actions depend on: evaluation rows made with other weights are not reused.
hand_expert.weights = _weights  # type: ignore[attr-defined]
