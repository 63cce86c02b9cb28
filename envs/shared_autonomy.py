"""Shared autonomy for any environment with a Box action space."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, MultiBinary, Space
from gymnasium.utils import RecordConstructorArgs

from mac_control.envs.checked import Checked, attribute_errors
from mac_control.errors import InputError, MacControlError
from mac_control.layout import expect_layout, recorded_layout
from mac_control.partial import PartialAction
from mac_control.policies import Policy
from mac_control.policies.base import checked_action, name_of, with_own_state
from mac_control.seeds import optional_seed

#: The environment that last reset a policy: a stateful policy has the state of that one only.
_OWNERS: weakref.WeakKeyDictionary[Policy, weakref.ref[Any]] = weakref.WeakKeyDictionary()


class SharedAutonomy(gymnasium.Wrapper, RecordConstructorArgs):
    """Takes a partial action, lets the policy fill in the rest, and steps with the whole action.

    The action space is a Dict of `values`, the environment's Box, and `given`, one bit per
    dimension; `step` takes such a dictionary, optionally with the `std` of a
    :class:`PartialAction`, or a :class:`PartialAction`. Given values beyond the Box are clipped.
    `info` has `given` `(D,)`, the whole `action` `(D,)`, and `log_prob` [nats], the log-likelihood
    of the given entries (None where the policy has no density).

    Args:
        env: flat Box observations `(O,)` and flat, finite Box actions `(D,)`.
        policy: with the same O and D.

    Raises:
        InputError: spaces of another form, or a policy of different sizes.

    Example:
        >>> from mac_control.policies import ZeroPolicy
        >>> arm = gymnasium.make("Reacher-v5")
        >>> box = arm.action_space
        >>> env = SharedAutonomy(arm, ZeroPolicy(10, box.low, box.high))
        >>> obs, info = env.reset(seed=0)
        >>> obs, reward, terminated, truncated, info = env.step(PartialAction.of({0: 0.5}, 2))
        >>> info["action"].tolist()
        [0.5, 0.0]
        >>> env.close()
    """

    def __init__(self, env: gymnasium.Env, policy: Policy) -> None:
        check_fit(env, policy)
        # Without a record of its arguments, Gymnasium cannot make the environment again.
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True, policy=policy)
        gymnasium.Wrapper.__init__(self, env)
        # One that draws gets a generator of its own; one that is stateful must not be shared.
        self.policy = policy if policy.stateful or not policy.draws else with_own_state(policy)
        self._seeds = np.random.default_rng()  # of the policy, in resets without one
        space = env.observation_space
        if not np.issubdtype(space.dtype, np.floating):
            assert isinstance(space, Box)  # as check_fit found
            ends = space.low.astype(np.float32), space.high.astype(np.float32)
            self.observation_space = Box(*ends, dtype=np.float32)  # what policies get
        self.action_space = Dict(values=env.action_space, given=MultiBinary(policy.action_dim))
        self._checked_env = Checked(env)
        self._obs: np.ndarray | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode of the environment and of the policy.

        Raises:
            InputError: a seed that is below 0 or not a whole number.
        """
        seed = optional_seed(seed)
        self._obs, info = self._checked_env.reset(seed=seed, options=options)
        if seed is not None:
            self._seeds = np.random.default_rng([seed, 1])
        own = int(self._seeds.integers(2**31)) if seed is None else seed
        with attribute_errors("policy", self.policy, f"at the reset of seed {seed}"):
            self.policy.reset(own)
        _OWNERS[self.policy] = weakref.ref(self)
        return self._obs.copy(), info

    def step(
        self, action: PartialAction | dict[str, Any]
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Fill in a partial action and step the environment.

        Raises:
            InputError: not a partial action of the right shape; the environment is untouched.
            PolicyError: the policy's answer was not an action; likewise.
            EpisodeError: the policy failed (likewise), or the environment did.
        """
        space = self.env.action_space
        assert isinstance(space, Box)  # as check_fit found
        partial = self._checked(action).clip(space.low, space.high)
        assert self._obs is not None
        if self.policy.stateful and _OWNERS[self.policy]() is not self:
            raise InputError(
                f"policy: expected one of its own for each environment, as {name_of(self.policy)} "
                "is stateful, got one that another environment has reset since; load it twice"
            )
        with attribute_errors("policy", self.policy, "at a step", but=(MacControlError,)):
            whole = complete_action(space, self.policy, self._obs.copy(), partial)
            answer = self.policy.log_prob(self._obs[None].copy(), partial.batched())  # (1,)
            log_prob = None if answer is None else float(np.reshape(answer, (1,))[0])
        self._obs, reward, terminated, truncated, info = self._checked_env.step(whole)
        told = {"given": partial.given.copy(), "action": whole.copy(), "log_prob": log_prob}
        return self._obs.copy(), reward, terminated, truncated, {**info, **told}

    def _checked(self, action: PartialAction | dict[str, Any]) -> PartialAction:
        if self._obs is None:
            raise InputError("step: expected a reset first, got none")
        if not isinstance(action, PartialAction):
            action = _of_dict(action)
        if action.values.shape != (self.policy.action_dim,):
            raise InputError(
                f"action: expected shape ({self.policy.action_dim},), got {action.values.shape}"
            )
        return action


def _of_dict(action: Any) -> PartialAction:
    needed = {"values", "given"}
    if not isinstance(action, Mapping) or not needed <= action.keys() <= {*needed, "std"}:
        raise InputError(
            "action: expected a PartialAction or its dictionary, of values, given and perhaps std, "
            f"got {' '.join(repr(action).split()):.100}"
        )
    bits = np.array(action["given"], object)
    if not all(isinstance(bit, int | float | np.generic) and bit in (0, 1) for bit in bits.flat):
        raise InputError(f"given: expected bits, 0 or 1, got {action['given']!r:.100}")
    return PartialAction(action["values"], bits.astype(bool), action.get("std"))


def check_fit(env: gymnasium.Env, policy: Policy) -> None:
    """Raise InputError unless the policy's sizes are the environment's, and actions are bounded."""
    expect_kinds(env, policy)
    space = env.action_space
    if not isinstance(space, Box) or len(space.shape) != 1 or not space.is_bounded():
        raise InputError(f"action space: expected a flat, finite Box, got {space}")
    if not isinstance(env.observation_space, Box):
        raise InputError(f"observation space: expected a Box, got {env.observation_space}")
    sizes, shapes = (policy.obs_dim, policy.action_dim), env.observation_space.shape + space.shape
    if sizes != shapes:
        raise InputError(
            f"policy: expected the environment's sizes of observation and action {shapes}, "
            f"got {sizes}"
        )
    expect_layout(recorded_layout(getattr(policy, "checkpoint", {}).get("data")), env)


def expect_kinds(env: Any, policy: Any) -> None:
    """Raise an InputError unless these are an environment and a policy (and not, say, names)."""
    if not isinstance(env, gymnasium.Env):
        raise InputError(
            f"env: expected an environment, such as make_env('kitchen'), got {env!r:.100}"
        )
    if not isinstance(policy, Policy):
        raise InputError(
            f"policy: expected a Policy, such as load_policy('builtin'), got {policy!r:.100}"
        )


def complete_action(
    space: Space[Any], policy: Policy, obs: np.ndarray, partial: PartialAction
) -> np.ndarray:
    """The policy's whole action for `(O,)` or `(B, O)`, within the environment's Box.

    In a Box of whole numbers it is the nearest one.

    Raises:
        PolicyError: an answer that is not an action.
    """
    assert isinstance(space, Box)  # as check_fit found
    action = policy.act(obs, partial)
    if type(policy).act is not Policy.act:  # otherwise `act` has checked it
        action = checked_action(policy, action, partial.values.shape)
    return executable(space, action)


def executable(space: Box, action: np.ndarray) -> np.ndarray:
    """The action in the environment's Box and type; in a Box of whole numbers, rounded."""
    whole: np.ndarray = np.clip(action, space.low, space.high)
    if np.issubdtype(space.dtype, np.integer):
        whole = np.rint(whole)
    return whole.astype(space.dtype)
