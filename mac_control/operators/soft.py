"""Operators that state how exactly their commands are meant."""

from __future__ import annotations

import numpy as np

from mac_control.errors import InputError
from mac_control.operators.base import Operator
from mac_control.operators.wrapper import OperatorWrapper
from mac_control.partial import PartialAction


class Soft(OperatorWrapper):
    """Leaves the policy room around the commands: their standard deviation is at least `std`.

    Args:
        std: in action units; commands with 0 are executed bit for bit, with `inf` ignored.
    """

    def __init__(self, operator: Operator, std: float = 0.1) -> None:
        super().__init__(operator)
        if not std >= 0:
            raise InputError(f"std: expected a number from 0 on, or inf, got {std}")
        self.std = std

    def read(self, obs: np.ndarray) -> PartialAction:
        partial = self.operator.read(obs)
        return partial.soften(
            self.std if partial.std is None else np.maximum(partial.std, self.std)
        )
