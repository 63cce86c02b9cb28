"""A policy that acts as the operator: the published setting."""

from __future__ import annotations

import gymnasium
import numpy as np

from mac_control.operators.base import Operator, TellsOperator
from mac_control.partial import PartialAction
from mac_control.policies.base import Policy, with_own_state


class Proxy(Operator):
    """Gives the actions of a policy, in all D dimensions.

    With a BC policy and a few dimensions kept (:class:`Restricted`) it is the simulated
    operator of Shih, Sadigh and Ermon (2022).

    Args:
        policy: one that is stateful or draws is copied, with shared weights, as each episode has a
            state and draws of its own.
        env: where it shows operators more than policies (:class:`TellsOperator`), and the policy's
            obs has that size, the policy sees that.
    """

    def __init__(self, policy: Policy, env: gymnasium.Env | None = None) -> None:
        self.policy = with_own_state(policy) if policy.stateful or policy.draws else policy
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
        CheckpointError: nothing there, or not a checkpoint.
    """
    from mac_control.checkpoint import loaded_policy

    return Proxy(loaded_policy(checkpoint, "operator"), env)
