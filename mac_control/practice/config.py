"""Settings of practice."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

from mac_control.errors import InputError
from mac_control.ranges import expect_at_least
from mac_control.seeds import whole_seed

#: Default numbers of given dimensions; any above the robot's `action_dim` are dropped.
NUM_GIVEN = (0, 1, 3, 5, 7)
#: What is maximised.
Score = Literal["rewards", "goal_rewards"]
#: Largest width of a critic.
WIDEST = 4096


@dataclass(frozen=True)
class PracticeConfig:
    """Settings of :class:`mac_control.practice.run.Practice`, as JSON values."""

    steps: int = 400_000
    """Control steps to play in all."""
    envs: int = 16
    """Episodes played in parallel, and learnt from together."""
    num_given: tuple[int, ...] | None = None
    """Numbers of dimensions that operators keep, in turn; 0: the policy alone. None: 0, 1, 3, 5
    and 7, up to the robot's number of dimensions."""
    score: Score = "rewards"
    """Reward to maximise: the environment's, or 1 for each subtask of the operator's own goal,
    where it has one."""
    unwanted: float = 0.5
    """With goal_rewards, the cost of each subtask done that is not in the operator's goal."""
    lr: float = 1e-5
    """Learning rate of the policy."""
    critic_lr: float = 1e-3
    """Learning rate of the critic."""
    critic_width: int = 128
    """Width of the critic's two hidden layers."""
    critic_first: int = 0
    """Control steps in which only the critic learns, before the policy does too."""
    epochs: int = 4
    """How many times each step is learnt from."""
    batch_size: int = 1024
    """Steps in a minibatch."""
    clip: float = 0.2
    """Clipping range of the ratio of new to old density."""
    discount: float = 0.995
    """Discount of rewards per control step."""
    trace: float = 0.95
    """λ of the advantages: 1 sums rewards, 0 trusts the critic."""
    spread: float = 0.5
    """Width of exploration, as a multiple of that of the policy's own density."""
    correlation: float = 0.8
    """Correlation of exploration noise from one step to the next."""
    anchor: float = 0.1
    """Weight of the divergence from the initial policy."""
    bound: float = 0.5
    """Divergence from the initial policy beyond which a step only reduces it [nats a step];
    between the exploring densities, so a shift of the mean counts 1 / spread² times."""
    threads: int = 1
    """Threads that step the environments, without effect on the result; use 1 for environments that
    render."""
    save_seconds: float = 30.0
    """Time between saves, at most one for each update [s]."""
    seed: int = 0
    """Seed of everything drawn at random."""

    def __post_init__(self) -> None:
        if self.score not in get_args(Score):
            raise InputError(f"score: expected {' or '.join(get_args(Score))}, got {self.score!r}")
        counts = ("steps", "envs", "critic_width", "epochs", "batch_size", "threads")
        expect_at_least(self, {**dict.fromkeys(counts, 1), "critic_first": 0})
        for name in ("lr", "critic_lr", "clip", "spread", "bound"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"{name}: expected a number above 0, got {getattr(self, name)}")
        for name in ("discount", "trace", "correlation"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"{name}: expected a number from 0 to 1, got {getattr(self, name)}"
                )
        if self.critic_width > WIDEST:
            raise InputError(f"critic_width: expected at most {WIDEST}, got {self.critic_width}")
        for name in ("anchor", "save_seconds", "unwanted"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(
                    f"{name}: expected a number of at least 0, got {getattr(self, name)}"
                )
        whole_seed(self.seed)
        if self.correlation == 1:
            raise InputError("correlation: expected a number below 1, got 1")
        if self.num_given is not None and min(self.num_given, default=-1) < 0:
            raise InputError(f"num_given: expected numbers of dimensions, got {self.num_given}")


#: Settings that may differ when a run is resumed, as they do not affect the weights.
FREE = {"steps", "threads", "save_seconds"}
SETTLED = [field.name for field in fields(PracticeConfig) if field.name not in FREE]
