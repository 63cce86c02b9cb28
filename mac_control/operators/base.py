"""The interface of an operator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol, runtime_checkable

import numpy as np

from mac_control.partial import PartialAction
from mac_control.seeds import check_reset


class Operator(ABC):
    """Gives action dimensions, one reading per control step.

    `reset` starts an episode, `read` is called once per step, `close` frees a device.
    Works as a context manager.

    A simulated operator may expose two attributes to a benchmark; policies never see them:
    `goal`, the subtasks that it privately wants, and `wrong`, whether its last reading was wrong on
    purpose.
    """

    goal: tuple[str, ...] | None = None
    wrong: bool = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_reset(cls)

    def reset(self, seed: int | None = None) -> None:  # noqa: B027 - most operators keep no state
        """Start an episode; `seed` determines everything drawn at random."""

    @abstractmethod
    def read(self, obs: np.ndarray) -> PartialAction:
        """The dimensions given now, for the observation `(O,)`: values and mask `(D,)`."""

    def close(self) -> None:  # noqa: B027 - most operators hold nothing
        """Free what the operator holds."""

    def __enter__(self) -> Operator:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@runtime_checkable
class TellsOperator(Protocol):
    """An environment that shows its operator more than a policy (the goal, say)."""

    def operator_obs(self) -> np.ndarray:
        """The operator's obs, `(O',)`."""
