"""What a user's type checker makes of the public part; `make types` checks this file, strictly.

Nothing here runs. A line that must not pass says so: mypy reports an `ignore` that is not needed.
"""

from pathlib import Path

import gymnasium
import numpy as np
from typing_extensions import assert_type

from mac_control import (
    Demonstrations,
    InputError,
    PartialAction,
    Robot,
    evaluate,
    load_demonstrations,
    load_policy,
    load_robot,
    make_operator,
    robot_of,
    rollout,
)
from mac_control.envs import KitchenEnv, SharedAutonomy, make_kitchen
from mac_control.loop import Trajectory
from mac_control.operators import Operator
from mac_control.policies import MacPolicy, Policy
from mac_control.training import TrainConfig, train


class Mine(Operator):
    """An operator as a user writes it."""

    def read(self, obs: np.ndarray) -> PartialAction:
        return PartialAction.nothing(9)


class Filler(Policy):
    """A policy as a user writes it."""

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        return np.zeros_like(partial.values)

    def observe(self, obs: np.ndarray, partial: PartialAction) -> None:
        self.seen = obs


class Wrong(Operator):
    """An operator that answers with a number."""

    def read(self, obs: np.ndarray) -> float:  # type: ignore[override]
        return 0.0


def use(env: gymnasium.Env[np.ndarray, np.ndarray], obs: np.ndarray) -> None:
    """Each call with the type of its answer."""
    policy = load_policy("runs/mac")
    assert_type(policy, Policy)
    assert_type(policy.act(obs, PartialAction([0.0], [True])), np.ndarray)
    assert_type(policy.log_prob(obs, PartialAction.nothing(9)), np.ndarray | None)
    assert_type(load_demonstrations("builtin"), Demonstrations)
    assert_type(make_operator("nobody", action_dim=9), Operator)
    trajectory = rollout(env, policy, Mine(), seed=0)
    assert_type(trajectory, Trajectory)
    assert_type(trajectory.reward, float)
    assert_type(make_kitchen(tasks="complete"), KitchenEnv)
    assert_type(SharedAutonomy(env, policy).policy, Policy)
    assert_type(train("mac", load_demonstrations(), "runs", config=TrainConfig()), list[Path])
    robot = robot_of(env)
    assert_type(robot, Robot)
    assert_type(load_robot("arm.toml"), Robot)
    assert_type(PartialAction.of({"joint1": 0.3, 2: 0.1}, robot), PartialAction)
    assert_type(MacPolicy.for_env(env), MacPolicy)
    assert_type(robot.dims("wrist", 0), tuple[int, ...])
    for row in evaluate([policy], num_given=[0, 3], env="Reacher-v5", robot=robot, episodes=1):
        assert_type(list(row), list[str])
    rollout(env, policy, Mine())  # type: ignore[call-arg]
    rollout(env, "runs/mac", seed=0)  # type: ignore[arg-type]
    PartialAction(values=[0.0], mask=[True])  # type: ignore[call-arg]
    error: ValueError = InputError("x")
    raise error
