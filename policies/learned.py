"""What training and checkpoints need from a policy that learns."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mac_control.demonstrations import Demonstrations
from mac_control.demonstrations.table import Steps, Table
from mac_control.errors import InputError
from mac_control.policies.base import Policy
from mac_control.robot import Robot

if TYPE_CHECKING:
    import gymnasium
    from typing_extensions import Self


class LearnedPolicy(nn.Module, Policy):
    """A policy with parameters, trained on demonstrations.

    A subclass names itself, has a dataclass `Config` of JSON values, and writes `draw`, `loss`
    and `complete`. Normalisation is kept in buffers, so that a checkpoint holds everything.

    Randomness in training is drawn apart from the loss: `loss` is a pure function of parameters
    and batch, so it can be batched over stacked parameters (`torch.func`) and resumed exactly.

    Args:
        config: an instance of `Config`.
        obs_mean, obs_std: `(O,)`, to normalise observations with.
        low, high: `(D,)`, ends of the action box.
        robot: the robot it is for; None where unknown.

    Raises:
        InputError: a robot of different sizes.
    """

    name: ClassVar[str]
    Config: ClassVar[type]
    #: Whether `loss` works under `torch.func.vmap` over parameters: several seeds side by side.
    stackable: ClassVar[bool] = True
    #: Whether it learns from another policy, whose sizes it needs to have.
    distilled: ClassVar[bool] = False
    #: Steps whose actions are predicted from the observation at the first of them alone; 0: from
    #: more than that observation.
    chunk_size: int = 1

    #: Rows that the network computes for each sample of a batch in training.
    rows_per_sample: int = 1
    #: Steps whose batches are drawn at once in training; 1 where a batch takes much memory.
    batches_drawn: int = 8

    #: Settings that `mac-control tune` searches besides the learning rate: field of `Config` -> a
    #: list of choices, or a range (low, high) on a logarithmic scale.
    search_space: ClassVar[dict[str, Any]] = {}
    #: Training settings of each scale (fields of `TrainConfig`), and the time of a step relative to
    #: other policies.
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "demo": {"steps": 6000},
        "full": {"steps": 20000},
    }
    step_cost: ClassVar[int] = 2

    #: Contents of `policy.json`, for a policy that was loaded; others have none.
    checkpoint: dict[str, Any]

    obs_mean: Tensor
    obs_std: Tensor
    action_low: Tensor
    action_high: Tensor

    def __init__(
        self,
        config: Any,
        obs_mean: np.ndarray,
        obs_std: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        robot: Robot | None = None,
    ) -> None:
        super().__init__()
        self.config, self.robot = config, robot
        self.obs_dim = len(obs_mean)
        self.low, self.high = np.asarray(low, np.float32), np.asarray(high, np.float32)
        if robot is not None:
            robot.expect(self.obs_dim, self.action_dim)
        for key, value in {
            "obs_mean": obs_mean,
            "obs_std": obs_std,
            "action_low": low,
            "action_high": high,
        }.items():
            self.register_buffer(key, torch.as_tensor(np.array(value, np.float32)))

    @classmethod
    def for_env(cls, env: gymnasium.Env, config: Any = None) -> Self:
        """An untrained policy with an environment's sizes and robot, to try things with.

        Example:
            >>> import gymnasium
            >>> from mac_control.policies.bc import BC
            >>> BC.for_env(gymnasium.make("Reacher-v5")).action_dim
            2
        """
        from mac_control.envs import robot_of

        robot = robot_of(env)
        assert env.observation_space.shape is not None  # flat, as from make_env
        size = int(np.prod(env.observation_space.shape))
        box = np.zeros(size), np.ones(size), robot.low, robot.high
        return cls(cls.Config() if config is None else config, *box, robot)

    @classmethod
    def configured(cls, config: Any, demonstrations: Demonstrations) -> Any:
        """`config`, with the fields that depend on the demonstrations filled in."""
        return config

    @classmethod
    def named(cls, config: Any, demonstrations: Demonstrations) -> Any:
        """`config`, with the names that all demonstrations use, held-out ones too.

        Raises:
            InputError: they name what a given configuration lacks.
        """
        return config

    @property
    def box(self) -> tuple[Any, ...]:
        """The constructor's arguments besides the configuration."""
        names = ("obs_mean", "obs_std", "action_low", "action_high")
        return (*(getattr(self, name).cpu().numpy() for name in names), self.robot)

    def to_unit(self, action: Tensor) -> Tensor:
        """Actions `(..., D)` from the action box to [-1, 1]."""
        middle, half = (self.action_high + self.action_low) / 2, self._half()
        return (action - middle) / half

    def from_unit(self, x: Tensor) -> Tensor:
        """Actions `(..., D)` from [-1, 1] to the action box."""
        return (self.action_high + self.action_low) / 2 + x * self._half()

    def _half(self) -> Tensor:
        return (self.action_high - self.action_low) / 2

    def store_demonstrations(self, demonstrations: Demonstrations) -> None:
        """Copy into buffers what acting needs from the demonstrations; most need nothing."""

    def normalize(self, obs: Tensor) -> Tensor:
        """Observations `(..., O)` with mean 0 and standard deviation 1."""
        return (obs - self.obs_mean) / self.obs_std

    def training_rows(self, table: Table, rows: Tensor) -> Steps:
        """The steps `rows` `(B,)`, for `draw`."""
        return table.take(rows)

    @property
    def obs_noise_scale(self) -> Tensor:
        """Unit of the noise on the observations of `training_rows`, one per entry."""
        return self.obs_std

    @abstractmethod
    def draw(self, steps: Steps, generator: torch.Generator) -> dict[str, Tensor]:
        """One training batch with everything random in it already drawn.

        `steps.action` `(B, D)` is the target, `steps.executed` what a model conditions on, in the
        dimensions of the mask `steps.given`. The generator is always on the CPU, so that every
        device draws the same. Every entry of a batch has its samples in the first axis: processes
        that train together split it.
        """

    @abstractmethod
    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Mean loss `()` of a batch from `draw`."""

    def weight(self, batch: dict[str, Tensor]) -> Tensor:
        """What the mean in `loss` divides by, `()`; to combine the losses of several batches."""
        return self.weights(batch).sum()

    def weights(self, batch: dict[str, Tensor]) -> Tensor:
        """The weight of each sample in that mean, `(B,)`."""
        return torch.ones(len(next(iter(batch.values()))))

    def graph(self, obs: Tensor, values: Tensor, given: Tensor) -> Tensor:
        """`complete` on tensors, without branches on their values, for export.

        Raises:
            InputError: a policy that draws at random, or is stateful.
        """
        raise InputError(
            "policy: expected one that neither draws at random nor is stateful, such as mac, bc or "
            f"mixture_bc, got {self.name}"
        )
