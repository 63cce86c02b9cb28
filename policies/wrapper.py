"""Base class of stateful policies that wrap another one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mac_control.demonstrations import Demonstrations
from mac_control.demonstrations.table import Steps
from mac_control.errors import InputError
from mac_control.policies import policy_class
from mac_control.policies.learned import LearnedPolicy
from mac_control.policies.mac import MacPolicy


@dataclass(frozen=True)
class WrapperConfig:
    """The wrapped policy, as JSON values."""

    policy: str = "mac"
    """The wrapped policy."""
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of the wrapped policy that differ from its defaults."""


def within(config: WrapperConfig) -> tuple[type[LearnedPolicy], Any]:
    """Class and configuration of the wrapped policy.

    Raises:
        InputError: an unknown name or option, or a policy that is stateful itself.
    """
    from mac_control.checkpoint import from_json

    cls = policy_class(config.policy)
    if cls.stateful:
        raise InputError(f"policy: expected one that is not stateful, got {config.policy}")
    try:
        return cls, from_json(cls.Config, asdict(cls.Config()) | dict(config.options))
    except (TypeError, KeyError) as error:
        raise InputError(f"options: expected those of {config.policy}: {error}") from error


def to_train(config: WrapperConfig) -> tuple[type[LearnedPolicy], Any]:
    """The same, of a policy that can be trained within a wrapper.

    Raises:
        InputError: as :func:`within`, or a policy that learns from another one.
    """
    cls, own = within(config)
    if cls.distilled:
        raise InputError(
            "policy: expected one that learns from demonstrations alone where it is wrapped, got "
            f"{config.policy}; train it without a wrapper, then --wrapper retrieval --wrapped DIR"
        )
    return cls, own


class PolicyWrapper(LearnedPolicy):
    """A stateful policy around another one, `inner`, which learns from what this one draws.

    Its `Config` is a :class:`WrapperConfig`. A subclass calls `build_inner` in its constructor.
    """

    stateful = True
    presets = MacPolicy.presets
    step_cost = MacPolicy.step_cost
    stackable: ClassVar[bool] = False  # the wrapped policy may not be stackable
    inner: LearnedPolicy

    def build_inner(self, *box: Any) -> None:
        """Make the wrapped policy; `box` are its constructor's arguments besides its configuration.

        Raises:
            InputError: an unknown name or option, or a policy that is stateful itself.
        """
        cls, own = within(self.config)
        self.inner = cls(own, *box)
        self.batches_drawn = self.inner.batches_drawn
        self.rows_per_sample = self.inner.rows_per_sample

    @classmethod
    def configured(cls, config: Any, demonstrations: Demonstrations) -> Any:
        """With what the wrapped policy finds out from the demonstrations."""
        inner, own = to_train(config)
        found = asdict(inner.configured(own, demonstrations))
        new = {name: value for name, value in found.items() if value != getattr(own, name)}
        return replace(config, options=config.options | new) if new else config

    def expect_rows(self, before: int, obs: np.ndarray) -> None:
        """Check that there are as many rows as in the previous step.

        Raises:
            InputError: a different number of rows.
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
