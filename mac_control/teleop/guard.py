"""Guards the loop against failures: it goes on, within limits, and reports each once."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

import numpy as np

from mac_control.errors import one_line
from mac_control.operators.base import Operator
from mac_control.partial import PartialAction
from mac_control.policies.base import Policy, checked_action
from mac_control.teleop.operator import poll
from mac_control.teleop.reading import Reading

#: An operator that answers within this time is never too slow, however fast the loop runs [s].
PROMPT = 0.005


class Guard:
    """Calls operator, policy and recorder so that none of them can end the driving.

    Args:
        action_dim: D.
        period: control period [s].
        say: called with each problem, once.
        patience: how long a policy may take for an answer [s]; None: unlimited. With a limit,
            the policy runs in a thread of its own, and a late answer is thrown away.
        clock: `time.monotonic`, or a test's own.

    Example:
        >>> guard = Guard(2, 0.08, say=print)
        >>> guard.tell("recorder", lambda: 1 / 0, "the step is not recorded")
        recorder: ZeroDivisionError: division by zero; the step is not recorded
        >>> guard.tell("recorder", lambda: 1 / 0, "the step is not recorded")
    """

    def __init__(
        self,
        action_dim: int,
        period: float,
        say: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        patience: float | None = None,
    ) -> None:
        self.action_dim, self.period, self.patience = action_dim, period, patience
        self._thinking: list[Future[Any]] = []  # unanswered calls to the policy
        self._thinker: ThreadPoolExecutor | None = None
        self._say, self._clock = say or warn, clock
        self._said: set[tuple[str, str]] = set()

    def note(self, who: str, error: Exception | str, then: str) -> None:
        """Report this, unless something like it was reported of `who`."""
        kind = type(error).__name__ if isinstance(error, Exception) else then
        if (who, kind) not in self._said:
            self._said.add((who, kind))
            text = one_line(error) if isinstance(error, Exception) else error
            self._say(f"{who}: {text}; {then}")

    def read(self, operator: Operator, obs: np.ndarray, again: bool = False) -> Reading | None:
        """The reading from `poll`; an operator that fails gives nothing."""
        began = self._clock()
        try:
            reading = poll(operator, np.array(obs), again)
            if reading is not None:
                reading.partial.expect_shape(self.action_dim)
        except Exception as error:
            self.note("operator", error, "the robot drives alone until it answers")
            return Reading(PartialAction.nothing(self.action_dim), status="lost")
        for why in () if reading is None else reading.why:
            self.note(*why)
        if self._clock() - began > max(self.period, PROMPT):
            late = f"took {self._clock() - began:.2g} s to answer, and nothing was sent meanwhile"
            self.note("operator", late, "a device that may block needs `blocks = True`")
        return reading

    def fill(self, policy: Policy, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """The policy's action `(D,)`, all finite; None where it fails."""
        try:
            answer = self._in_time(policy.act, np.array(obs), partial)
            return checked_action(policy, answer, partial.values.shape)
        except Exception as error:
            self.note("policy", error, "free dimensions hold still until it answers")
            return None

    def restart(self, policy: Policy, seed: int | None) -> None:
        """Start an episode of the policy; a busy one does so when it is done."""

        def reset() -> None:
            self.tell("policy", policy.reset, "it goes on as it is", seed)

        if self.patience is None:
            reset()
        else:
            self._later(reset)()

    def close(self) -> None:
        """Stop without waiting for a policy that is still busy."""
        if self._thinker is not None:
            self._thinker.shutdown(wait=False, cancel_futures=True)
            self._thinker = None

    @property
    def busy(self) -> bool:
        """Whether the policy is still busy with an earlier call."""
        self._thinking = [future for future in self._thinking if not future.done()]
        return bool(self._thinking)

    def _in_time(self, action: Callable[..., Any], *args: Any) -> Any:
        """The result of a policy's method; TimeoutError where it takes too long."""
        if self.patience is None:
            return action(*args)
        late = f"expected an answer within {self.patience:g} s, got none"
        if self.busy:
            wait(self._thinking, self.patience)
            if self.busy:
                raise TimeoutError(late)
        future = self._later(action)(*args)
        try:
            return future.result(self.patience)
        except FutureTimeout as error:
            if future.done():  # the policy itself raised it
                raise
            raise TimeoutError(late) from error

    def _later(self, action: Callable[..., Any]) -> Callable[..., Future[Any]]:
        if self._thinker is None:
            self._thinker = ThreadPoolExecutor(1, thread_name_prefix="policy")
        thinker = self._thinker

        def submit(*args: Any) -> Future[Any]:
            future = thinker.submit(action, *args)
            self._thinking.append(future)
            return future

        return submit

    def ask(
        self, what: str, question: Callable[..., Any], obs: np.ndarray, partial: PartialAction
    ) -> np.ndarray | None:
        """A policy's answer for display, all finite; None where it has none, or fails."""
        if self.busy:
            return None
        try:
            answer = question(np.array(obs), partial)
            if answer is None:
                return None
            array = np.asarray(answer, np.float64)
            if not np.isfinite(array).all():
                raise ValueError("expected finite numbers")
            return array
        except Exception as error:
            self.note(f"policy's {what}", error, "it is not shown until it answers")
            return None

    def tell(self, who: str, action: Callable[..., Any], then: str, *args: Any) -> None:
        """Call `action(*args)`, which may fail."""
        try:
            action(*args)
        except Exception as error:
            self.note(who, error, then)


def warn(text: str) -> None:
    """Print it on the terminal, below the status line."""
    print(f"\nwarning: {text}", file=sys.stderr, flush=True)
