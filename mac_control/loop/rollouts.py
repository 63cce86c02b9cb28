"""The loop: the operator gives some dimensions, the policy the rest, the environment steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from mac_control.envs.abilities import is_real
from mac_control.envs.checked import Checked, attribute_errors
from mac_control.envs.shared_autonomy import check_fit, complete_action, expect_kinds
from mac_control.errors import InputError
from mac_control.loop.trajectory import Trajectory
from mac_control.operators import Nobody, Operator
from mac_control.partial import PartialAction
from mac_control.policies import Policy
from mac_control.seeds import whole_seed


def rollout(
    env: gymnasium.Env,
    policy: Policy,
    operator: Operator | None = None,
    *,
    seed: int,
    on_step: Callable[[], None] | None = None,
) -> Trajectory:
    """One episode of shared autonomy, until the environment ends it.

    Environment, operator and policy each have a random stream of their own, derived from `seed`;
    the environment's is `env.reset(seed=seed)`.

    Args:
        env: flat Box observations and flat, finite Box actions, of the policy's sizes.
        policy: fills in the free dimensions.
        operator: gives the other dimensions; None is autonomy.
        seed: of the episode, at least 0.
        on_step: called after the reset and after every step (to take a picture, say).

    Raises:
        InputError: sizes that do not fit, or a real robot.
        EpisodeError: policy, operator or environment raised an error, or returned something that
            is not an action or not finite; it says which, and at which step.

    Example:
        >>> from mac_control.envs import make_env
        >>> from mac_control.policies import ZeroPolicy
        >>> env = make_env("Reacher-v5", max_episode_steps=3)
        >>> policy = ZeroPolicy(10, env.action_space.low, env.action_space.high)
        >>> trajectory = rollout(env, policy, seed=0)
        >>> trajectory.actions.shape, trajectory.success
        ((3, 2), None)
    """
    expect_kinds(env, policy)
    operator = operator or Nobody(policy.action_dim)
    return rollout_group([env], policy, [operator], seeds=[seed], on_step=on_step)[0]


def rollout_group(
    envs: Sequence[gymnasium.Env],
    policy: Policy,
    operators: Sequence[Operator],
    *,
    seeds: Sequence[int],
    log_prob: bool = True,
    on_step: Callable[[], None] | None = None,
) -> list[Trajectory]:
    """B episodes in lockstep, so that the policy acts for all of them in one batch.

    An episode keeps its row of the batch until the group ends, and the policy is reset once, with
    the first seed. The last bits of an action may depend on the batch size: the same group gives
    the same trajectories, another group slightly different ones.

    Args:
        envs, operators, seeds: one of each per episode.
        policy: one for all.
        log_prob: whether to compute the likelihood of the given entries.
        on_step: called after the reset and after every step.

    Raises:
        InputError, EpisodeError: as :func:`rollout`.
    """
    seeds = [whole_seed(seed) for seed in seeds]
    if not len(envs) == len(operators) == len(seeds) > 0:
        raise InputError(
            "group: expected as many environments as operators and seeds, got "
            f"{len(envs)}, {len(operators)} and {len(seeds)}"
        )
    if any(is_real(env) for env in envs):
        raise InputError(
            "env: expected a simulated environment, got a real robot; 'mac-control teleoperate' "
            "drives it in real time and keeps its limits"
        )
    with attribute_errors("policy", policy, f"at the reset of seed {seeds[0]}"):
        policy.reset(_stream(seeds[0], 1))
    episodes = [
        _Episode(env, policy, operator, seed)
        for env, operator, seed in zip(envs, operators, seeds, strict=True)
    ]
    notify = on_step or (lambda: None)
    notify()
    while any(not episode.over for episode in episodes):
        obs = np.stack([episode.obs for episode in episodes])
        partial = PartialAction.stack([episode.read() for episode in episodes])
        likelihood = None
        with attribute_errors("policy", policy, _when(max(map(len, episodes)), *seeds)):
            space = envs[0].action_space
            assert isinstance(space, Box)  # as check_fit found
            partial = partial.clip(space.low, space.high)  # to what will be executed
            actions = complete_action(space, policy, obs, partial)
            if log_prob and partial.given.any():
                likelihood = policy.log_prob(obs, partial)
                if likelihood is not None:
                    likelihood = np.where(partial.given.any(axis=1), likelihood, 0.0)
        for row, episode in enumerate(episodes):
            if not episode.over:
                episode.step(actions[row], None if likelihood is None else likelihood[row])
        notify()
    return [episode.trajectory() for episode in episodes]


class _Episode:
    """One episode under way."""

    def __init__(self, env: gymnasium.Env, policy: Policy, operator: Operator, seed: int) -> None:
        check_fit(env, policy)
        self.env, self.operator, self.seed = Checked(env), operator, seed
        self.obs, self._info = self.env.reset(seed=seed)
        # An InputError means that the operator does not fit, not that it failed.
        with attribute_errors(
            "operator", operator, f"at the reset of seed {seed}", but=(InputError,)
        ):
            operator.reset(_stream(seed, 2))
        self.partial = PartialAction.nothing(policy.action_dim)
        self.over = False
        self._task_steps: dict[str, int] = {}
        self._rows: list[tuple[Any, ...]] = []
        self._log_prob: list[float] = []
        self._wrong: list[bool] = []
        self._has_density = False

    def __len__(self) -> int:
        return len(self._rows)

    def read(self) -> PartialAction:
        if not self.over:
            with attribute_errors("operator", self.operator, _when(len(self), self.seed)):
                partial = self.operator.read(self.obs.copy())
                partial.expect_shape(self.partial.action_dim)
            self.partial = partial
        return self.partial

    def step(self, action: np.ndarray, log_prob: float | None) -> None:
        obs, reward, terminated, truncated, self._info = self.env.step(action)
        self._rows.append((self.obs, self.partial.given, self.partial.values, action, reward))
        self._log_prob.append(0.0 if log_prob is None else float(log_prob))
        self._wrong.append(self.operator.wrong)
        self._has_density |= log_prob is not None
        for task in self._info.get("tasks_done", ()):
            self._task_steps.setdefault(task, len(self._rows))
        self.obs, self.over = obs, terminated or truncated

    def trajectory(self) -> Trajectory:
        obs, given, values, actions, rewards = map(np.array, zip(*self._rows, strict=True))
        space = self.env.action_space
        assert isinstance(space, Box)  # as check_fit found
        return Trajectory(
            observations=obs,
            given=given,
            values=values,
            actions=actions,
            rewards=rewards,
            log_prob=np.array(self._log_prob) if self._has_density else None,
            task_steps=self._task_steps,
            success=self._info.get("success"),
            seed=self.seed,
            wrong=np.array(self._wrong),
            goal=self.operator.goal,
            counts_subtasks="tasks_done" in self._info,
            box=(space.low, space.high),
        )


def _stream(seed: int, key: int) -> int:
    """A separate seed for each random stream, so that their draws are independent."""
    return int(np.random.SeedSequence(seed, spawn_key=(key,)).generate_state(1)[0])


def _when(step: int, *seeds: int) -> str:
    """The step that an episode, or a group, had reached, as text."""
    group = f"episode of seed {seeds[0]}" if len(seeds) == 1 else f"episodes of seeds {[*seeds]}"
    return f"at step {step} of the {group}"
