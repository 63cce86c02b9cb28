"""A policy in the operator's proxy: the published setting."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mac_control.files import user_path
from mac_control.operators.base import Operator
from mac_control.partial import PartialAction
from mac_control.policies.base import Policy


class Proxy(Operator):
    """Gives what a policy alone would do, all D dimensions of it.

    With a BC policy and a few dimensions kept (:class:`Restricted`) it is the simulated
    operator of Shih, Sadigh and Ermon (2022).

    Args:
        policy: not shared with another proxy where it keeps state from step to step.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def reset(self, seed: int | None = None) -> None:
        self.policy.reset(seed)

    def read(self, obs: np.ndarray) -> PartialAction:
        return PartialAction.everything(self.policy.act(obs))


def policy_operator(checkpoint: str) -> Proxy:
    """The operator `policy:CHECKPOINT`: a checkpoint, or the `.npz` weights of an MLP.

    Raises:
        CheckpointError: nothing there, or something else.
    """
    return Proxy(_policy(str(user_path(checkpoint))))


@lru_cache(maxsize=4)
def _policy(path: str) -> Policy:
    if path.endswith(".npz"):
        from mac_control.policies.mlp import MLPPolicy

        return MLPPolicy(path)
    from mac_control.checkpoint import load_policy

    return load_policy(path)
