"""What policies have in common that are made around another one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mac_control.demonstrations.table import Steps
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.learned import LearnedPolicy

#: Those that keep state from step to step: none goes around another one.
STATEFUL = ("intent", "recall", "windowed")


@dataclass(frozen=True)
class AroundConfig:
    """What goes around another policy says of that one, as JSON values."""

    policy: str = "mac"
    """The policy within."""
    options: dict[str, Any] = field(default_factory=dict)
    """Its configuration, where it differs from its defaults."""

    def __post_init__(self) -> None:
        if self.policy in STATEFUL:
            raise InputError(f"policy: expected one that does not remember, got {self.policy}")


class Around(LearnedPolicy):
    """A policy around another one, `inner`, which learns from what this one makes of the data.

    Its `Config` is an :class:`AroundConfig`. A subclass calls `enclose` in its constructor.
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

    def act(self, obs: np.ndarray, partial: PartialAction | None = None) -> np.ndarray:
        action = super().act(obs, partial)
        if partial is not None and partial.given.all():  # nothing to complete, but much to learn
            done = PartialAction(action, partial.given).batched()
            self.hear(np.atleast_2d(np.asarray(obs, np.float32)), done)
        return action

    def hear(self, obs: np.ndarray, partial: PartialAction) -> None:
        """Learn from a step `(B, O)`, `(B, D)` in which everything was given; most do not."""

    def expect_rows(self, before: int, obs: np.ndarray) -> None:
        """As many rows as in the step before.

        Raises:
            InputError: another number of them.
        """
        if len(obs) != before:
            raise InputError(
                f"obs: expected {before} rows as in the step before, or a reset, got {len(obs)}"
            )

    def draw(self, steps: Steps, generator: torch.Generator) -> dict[str, Tensor]:
        return self.inner.draw(steps, generator)

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        return self.inner.loss(batch)

    def weights(self, batch: dict[str, Tensor]) -> Tensor:
        return self.inner.weights(batch)

    def reset(self, seed: int | None = None) -> None:
        self.inner.reset(seed)
