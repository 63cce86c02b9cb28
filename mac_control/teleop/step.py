"""What the loop reports of each control period."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Step:
    """What happened in one control period.

    `values` and `given` `(D,)` are the operator's commands, `filled` the policy's answer,
    `action` what was executed; they differ while a dimension changes hands, and where the policy
    departs from the command. `latency` is the time from the operator's last change to the action
    that first showed it [s], None where nothing changed. `limited` lists the robot's limits that
    the requested action would have broken.
    """

    obs: np.ndarray
    values: np.ndarray
    given: np.ndarray
    filled: np.ndarray
    action: np.ndarray
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    next_obs: np.ndarray | None = None
    info: dict[str, Any] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    status: str = "live"
    mode: str | None = None
    stopped: bool = False
    latency: float | None = None
    limited: tuple[str, ...] = ()

    def executed(
        self,
        action: np.ndarray,
        obs: np.ndarray,
        reward: float,
        terminated: bool,
        truncated: bool,
        info: dict[str, Any],
    ) -> Step:
        """The same, once the environment got this action; one that changed it reports `sent`.

        Example:
            >>> a = np.zeros(2)
            >>> step = Step(a, a, a > 0, a, a)
            >>> step.executed(a + 1, a, 0.0, False, False, {"sent": [1.0, 0.5]}).action
            array([1. , 0.5])
        """
        sent: Any = info.get("sent")  # a robot may apply limits of its own
        return replace(
            self,
            action=action if np.shape(sent) != action.shape else np.asarray(sent, action.dtype),
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            next_obs=obs,
            info=info,
        )


class Recorder(Protocol):
    """The interface of a recorder to the loop."""

    def start(self, seed: int) -> None: ...
    def add(self, step: Step) -> None: ...
    def undo(self, steps: int) -> None: ...
    def finish(self, success: bool) -> None: ...
    def discard(self) -> None: ...
    def close(self) -> None: ...
