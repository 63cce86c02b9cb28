"""A policy in the operator's proxy: the published setting."""

from __future__ import annotations

from functools import lru_cache

import gymnasium
import numpy as np

from mac_control.files import user_path
from mac_control.operators.base import Operator, TellsOperator
from mac_control.partial import PartialAction
from mac_control.policies.base import Policy


class Proxy(Operator):
    """Gives what a policy alone would do, all D dimensions of it.

    With a BC policy and a few dimensions kept (:class:`Restricted`) it is the simulated
    operator of Shih, Sadigh and Ermon (2022).

    Args:
        policy: not shared with another proxy where it keeps state from step to step.
        env: where it tells operators more than policies, and this policy takes that many entries,
            that is what it sees.
    """

    def __init__(self, policy: Policy, env: gymnasium.Env | None = None) -> None:
        self.policy = policy
        inner = None if env is None else env.unwrapped
        self._told = inner if isinstance(inner, TellsOperator) else None

    def reset(self, seed: int | None = None) -> None:
        self.policy.reset(seed)

    def read(self, obs: np.ndarray) -> PartialAction:
        if self._told is not None and len(obs) != self.policy.obs_dim:
            obs = self._told.operator_obs()
        return PartialAction.everything(self.policy.act(obs))


def policy_operator(checkpoint: str, env: gymnasium.Env | None = None) -> Proxy:
    """The operator `policy:CHECKPOINT`: a checkpoint, or the `.npz` weights of an MLP.

    Raises:
        CheckpointError: nothing there, or something else.
    """
    return Proxy(_policy(str(user_path(checkpoint))), env)


@lru_cache(maxsize=4)
def _policy(path: str) -> Policy:
    from mac_control.checkpoint import load_policy

    return load_policy(path)
