"""What the trainer and the checkpoints need of a policy that learns."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mac_control.demonstrations import Demonstrations
from mac_control.demonstrations.table import Steps, Table
from mac_control.errors import InputError
from mac_control.policies.base import Policy


class LearnedPolicy(nn.Module, Policy):
    """A policy with parameters, trained on demonstrations.

    A subclass names itself, has a dataclass `Config` of JSON values, and writes `draw`, `loss`
    and `complete`. Normalisation lies in buffers, so that a checkpoint holds all there is.

    Randomness in training is drawn apart from the loss: `loss` is a pure function of parameters
    and batch, so it can be batched over stacked parameters (`torch.func`) and resumed exactly.

    Args:
        config: an instance of `Config`.
        obs_mean, obs_std: `(O,)`, to normalise observations with.
        low, high: `(D,)`, ends of the action box.
    """

    name: ClassVar[str]
    Config: ClassVar[type]
    #: Whether `loss` works under `torch.func.vmap` over parameters: several seeds side by side.
    stackable: ClassVar[bool] = True
    #: Steps whose actions are learnt from the observation at the first of them alone; 0: from more.
    planned: int = 1

    #: What `policy.json` says of a policy that was loaded; others have none.
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
    ) -> None:
        super().__init__()
        self.config = config
        self.obs_dim = len(obs_mean)
        self.low, self.high = np.asarray(low, np.float32), np.asarray(high, np.float32)
        for key, value in {
            "obs_mean": obs_mean,
            "obs_std": obs_std,
            "action_low": low,
            "action_high": high,
        }.items():
            self.register_buffer(key, torch.as_tensor(np.array(value, np.float32)))

    @classmethod
    def configured(cls, config: Any, demonstrations: Demonstrations) -> Any:
        """`config` with what only the demonstrations can say filled in."""
        return config

    def keep(self, demonstrations: Demonstrations) -> None:
        """Copy into buffers what acting needs of the demonstrations themselves."""

    def normalize(self, obs: Tensor) -> Tensor:
        """Observations `(..., O)` with mean 0 and standard deviation 1."""
        return (obs - self.obs_mean) / self.obs_std

    def training_rows(self, table: Table, rows: Tensor) -> Steps:
        """The steps `rows` `(B,)`, for `draw`."""
        return table.take(rows)

    @abstractmethod
    def draw(self, steps: Steps, generator: torch.Generator) -> dict[str, Tensor]:
        """One training batch with everything random in it already drawn.

        `steps.action` `(B, D)` is what is learnt, `steps.executed` what a model is given, in
        dimensions of the mask `steps.given`. The generator is on the CPU wherever the tensors are,
        so that every device draws the same. Every entry of a batch has its samples in the first
        axis: processes that train together take their shares of it.
        """

    @abstractmethod
    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Mean loss `()` of a batch from `draw`."""

    def weight(self, batch: dict[str, Tensor]) -> Tensor:
        """What the mean in `loss` divides by, `()`; the loss of several batches follows from it."""
        return self.weights(batch).sum()

    def weights(self, batch: dict[str, Tensor]) -> Tensor:
        """What each sample counts in that mean, `(B,)`."""
        return torch.ones(len(next(iter(batch.values()))))

    def graph(self, obs: Tensor, values: Tensor, given: Tensor) -> Tensor:
        """`complete` of tensors, as operations that depend on no number: what can be exported.

        Raises:
            InputError: a policy that draws at random, or that remembers.
        """
        raise InputError(
            "policy: expected one that neither draws at random nor remembers, such as mac, bc or "
            f"mixture_bc, got {self.name}"
        )
