"""What policies have in common that are made around another one."""

from __future__ import annotations

from dataclasses import asdict
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mac_control.demonstrations.table import Steps
from mac_control.errors import InputError
from mac_control.policies.learned import LearnedPolicy


class Around(LearnedPolicy):
    """A policy around another one, `inner`, which learns from what this one makes of the data.

    Its `Config` says which (`policy`) and how that is configured (`options`, where they differ from
    its defaults). A subclass calls `enclose` in its constructor.
    """

    remembers = True
    stackable: ClassVar[bool] = False  # the policy within may not be
    inner: LearnedPolicy

    def enclose(self, *box: np.ndarray) -> None:
        """Make the policy within; `box` is `obs_mean`, `obs_std`, `low`, `high` as it sees them.

        Raises:
            InputError: an unknown name or option.
        """
        from mac_control.checkpoint import from_json
        from mac_control.policies import policy_class

        name, options = self.config.policy, self.config.options
        cls = policy_class(name)
        try:
            config = from_json(cls.Config, asdict(cls.Config()) | dict(options))
        except (TypeError, KeyError) as error:
            raise InputError(f"options: expected those of {name}: {error}") from error
        self.inner = cls(config, *box)

    def draw(self, steps: Steps, generator: torch.Generator) -> dict[str, Tensor]:
        return self.inner.draw(steps, generator)

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        return self.inner.loss(batch)

    def weights(self, batch: dict[str, Tensor]) -> Tensor:
        return self.inner.weights(batch)

    def reset(self, seed: int | None = None) -> None:
        self.inner.reset(seed)
