"""Behaviour cloning: regress the action on the observation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mac_control.demonstrations.table import Steps
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.learned import LearnedPolicy


@dataclass(frozen=True)
class BCConfig:
    """Size of the network of :class:`BC`."""

    width: int = 256
    """Units of each hidden layer."""
    depth: int = 2
    """Number of hidden layers."""
    raw: bool = False
    """Regress actions in their own units, as version 0.1 did."""

    def __post_init__(self) -> None:
        for name in ("width", "depth"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: expected at least 1, got {getattr(self, name)}")


class BC(LearnedPolicy):
    """Squared error in the unit box: `loss = mean ||f(obs) - unit(action)||²`.

    It cannot condition: the given dimensions overwrite those of an action that was chosen without
    them.

    Example:
        >>> policy = BC(BC.Config(width=8), np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
        >>> policy.act(np.zeros(3), PartialAction([0.25, 0.0], [True, False])).tolist()[0]
        0.25
    """

    name = "bc"
    Config = BCConfig
    search_space = {"width": [128, 256, 512], "depth": [2, 3, 4]}  # noqa: RUF012

    def __init__(self, config: BCConfig, *box: Any) -> None:
        super().__init__(config, *box)
        sizes = [self.obs_dim, *[config.width] * config.depth]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.network = nn.Sequential(*layers, nn.Linear(sizes[-1], self.action_dim))

    def forward(self, obs: Tensor) -> Tensor:
        """Actions `(B, D)` for observations `(B, O)`, in [-1, 1] for the action box."""
        actions: Tensor = self.network(self.normalize(obs))
        return actions

    def draw(self, steps: Steps, generator: torch.Generator) -> dict[str, Tensor]:
        return {"obs": steps.obs, "action": steps.action}

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        action = batch["action"]
        return nn.functional.mse_loss(
            self(batch["obs"]), action if self.config.raw else self.to_unit(action)
        )

    def graph(self, obs: Tensor, values: Tensor, given: Tensor) -> Tensor:
        action: Tensor = self(obs)
        return action if self.config.raw else self.from_unit(action)

    @torch.inference_mode()
    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        device = self.obs_mean.device
        seen = torch.from_numpy(np.ascontiguousarray(obs)).to(device)
        return self.graph(seen, seen, seen).cpu().numpy()
