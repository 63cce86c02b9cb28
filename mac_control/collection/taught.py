"""Records what a teacher would do while an operator and a policy drive."""

from __future__ import annotations

import numpy as np

from mac_control.envs.checked import attribute_errors
from mac_control.errors import InputError
from mac_control.operators.base import Operator
from mac_control.operators.wrapper import OperatorWrapper
from mac_control.partial import PartialAction


class Taught(OperatorWrapper):
    """Reads as the operator does, and notes the whole action of a teacher in the same state.

    Source: Ross, Gordon & Bagnell, A Reduction of Imitation Learning and Structured Prediction to
    No-Regret Online Learning (DAgger), AISTATS 2011, arXiv 1011.0686.

    Args:
        operator: the operator that drives.
        teacher: gives every dimension; its actions are not executed.
        action_dim: number of dimensions, D.

    Example:
        >>> from mac_control.operators import Nobody, Proxy
        >>> from mac_control.policies import ZeroPolicy
        >>> taught = Taught(Nobody(2), Proxy(ZeroPolicy(3, -np.ones(2), np.ones(2))), 2)
        >>> bool(taught.read(np.zeros(3)).given.any()), taught.labels[0].tolist()
        (False, [0.0, 0.0])
    """

    def __init__(self, operator: Operator, teacher: Operator, action_dim: int) -> None:
        super().__init__(operator)
        self.teacher, self._dim = teacher, action_dim
        #: The teacher's action at each step of the episode, `(D,)`.
        self.labels: list[np.ndarray] = []

    def reset(self, seed: int | None = None) -> None:
        super().reset(seed)
        with attribute_errors("teacher", self.teacher, "at its reset", but=(InputError,)):
            self.teacher.reset(seed)  # the operator's seed, so that both draw the same plan
        self.labels = []

    def read(self, obs: np.ndarray) -> PartialAction:
        """What the operator gives.

        Raises:
            EpisodeError: the teacher failed.
            InputError: the teacher leaves a dimension free.
        """
        with attribute_errors("teacher", self.teacher, f"at step {len(self.labels)}"):
            whole = self.teacher.read(obs.copy())
            if not isinstance(whole, PartialAction):
                raise TypeError(f"expected a PartialAction, got {type(whole).__name__}")
            whole.expect_shape(self._dim)
        given = whole.finite().given
        if not given.all():
            raise InputError(
                "teacher: expected an operator that gives every dimension, "
                f"got one that gives {int(given.sum())} of {given.size}"
            )
        self.labels.append(whole.values)
        return self.operator.read(obs)

    def close(self) -> None:
        try:
            super().close()
        finally:
            self.teacher.close()
