"""Rates policies during training, by rollouts on seeds that no evaluation uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mac_control.envs.name import EnvName
from mac_control.policies import Policy
from mac_control.robot import Robot

# Far from 0, where evaluations begin: no checkpoint is chosen on the episodes that rate it later.
_SEED = 1_000_000


@dataclass(frozen=True)
class MeanReward:
    """Mean reward of a policy alone, on episodes that `mac-control evaluate` does not use.

    Args:
        episodes: number of episodes.
        env: the environment.
        env_options: its options, besides those in its name.
        robot: a description in place of the environment's own.
    """

    episodes: int
    env: EnvName
    env_options: dict[str, Any] = field(default_factory=dict)
    robot: Robot | None = None

    def __call__(self, policy: Policy) -> float:
        from mac_control.loop import evaluate

        rows = evaluate(
            [policy],
            episodes=self.episodes,
            seed=_SEED,
            workers=1,
            env=self.env,
            env_options=self.env_options,
            robot=self.robot,
        )
        return float(rows[0]["reward_mean"])

    @property
    def settings(self) -> dict[str, Any]:
        """What the score depends on, as JSON values."""
        env = self.env.with_options(self.env_options).to_json()
        robot = None if self.robot is None else self.robot.to_json()
        return {"episodes": self.episodes, "env": env, "robot": robot}
