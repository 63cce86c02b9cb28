"""The interface of every policy: complete an action of which some dimensions are given."""

from __future__ import annotations

import copy
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from mac_control.errors import InputError, PolicyError
from mac_control.partial import PartialAction
from mac_control.robot import Robot
from mac_control.seeds import check_reset


class Policy(ABC):
    """Completes partial actions.

    A subclass sets `obs_dim`, `low` and `high` and writes `complete`; `act` checks its inputs and
    its answer, so that given entries return bit for bit, clipped to the action box unless
    that is a guess, and nothing that is not finite reaches an environment. Entries given with a
    standard deviation (`PartialAction.std`) are weighed by policies with a density; others
    execute them as given.
    """

    obs_dim: int
    low: np.ndarray  # (D,) float32, lower ends of the action box
    high: np.ndarray  # (D,) float32, upper ends
    guessed_box: bool = False  # whether the box is only the range of the training actions
    robot: Robot | None = None  # the robot it was trained for; None where unknown
    stateful: bool = False  # whether an answer depends on earlier steps, apart from chance
    draws: bool = False  # whether it draws from a generator of its own, which `reset` seeds
    plans_ahead: bool = False  # whether later steps need its answer where everything is given too
    weighs: bool = False  # whether it weighs given values by their `std`; others execute them

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_reset(cls)
        written = cls.__dict__.get("complete")
        if written is not None and len(inspect.signature(written).parameters) == 4:
            cls.complete = _from_arrays(written)  # type: ignore[method-assign]

    @property
    def action_dim(self) -> int:
        """Number of action dimensions, D."""
        return len(self.low)

    def reset(self, seed: int | None = None) -> None:  # noqa: B027 - most policies keep no state
        """Start an episode: clear state, and seed whatever is drawn at random."""

    @property
    def inferred_intent(self) -> list[str]:
        """The operator's intent as inferred, one per row; empty where it is not inferred."""
        return []

    def act(self, obs: np.ndarray, partial: PartialAction | None = None) -> np.ndarray:
        """The whole action, `(D,)` for an observation `(O,)`, or `(B, D)` for `(B, O)`.

        `partial`, of the same batch shape, says which dimensions are given; None is autonomy.

        Raises:
            InputError: shapes that do not fit, or an observation that is not finite.
            PolicyError: the policy itself answered with another shape, or with a number that is
                not finite.
        """
        rows, batch = self._checked(obs, partial)
        if self.stateful:
            self.observe(rows, batch)
        batch = self.taken(batch)
        exact = batch.exact
        if exact.all() and not self.plans_ahead:
            action = batch.values.copy()
        else:
            answer = checked_action(self, self.complete(rows, batch), batch.values.shape)
            action = np.where(exact, batch.values, np.clip(answer, self.low, self.high))
        return action if np.ndim(obs) == 2 else action[0]

    @abstractmethod
    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """The action `(B, D)` for observations `(B, O)` float32 and a partial action `(B, D)`.

        The inputs are checked already. Given entries of the answer may hold anything, as `act` puts
        them back, except those with a standard deviation, which only a policy that `weighs` gets.
        Policies of version 0.1, which write `complete(obs, values, given)`, still work.
        """

    def taken(self, partial: PartialAction) -> PartialAction:
        """Commands as `complete` gets them: none of infinite deviation, exact unless weighed."""
        return partial.finite() if self.weighs else partial.hardened()

    def observe(self, obs: np.ndarray, partial: PartialAction) -> None:  # noqa: B027
        """Update a stateful policy's state from `(B, O)` and `(B, D)`, once per step.

        `act` calls it before `complete`, even where every dimension is given. Here commands come
        with their deviation even where the policy does not weigh them.
        """

    def autonomous_action(self, obs: np.ndarray) -> np.ndarray:
        """What it would do now with nothing given, `(B, O)` -> `(B, D)`, without changing state.

        Raises:
            InputError: a stateful policy that cannot tell.
        """
        if self.stateful:
            raise InputError(
                f"policy: expected one that can say what it would do alone, got {full_name(self)}"
            )
        return self.act(obs)

    def log_prob(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """Log-likelihood of the given entries [nats]; None where the policy has no density.

        `(B,)` for `(B, O)`, `()` for `(O,)`; 0 where nothing is given.
        """
        return None

    def conditional_log_prob(
        self, obs: np.ndarray, action: np.ndarray, given: np.ndarray
    ) -> np.ndarray | None:
        """Log-likelihood of the free entries, conditioned on the given ones, `(B,)` [nats].

        Args:
            obs: `(B, O)`.
            action: `(B, D)`, complete.
            given: `(B, D)` bool.

        Returns:
            `log p(action) - log p(given entries)`, which is exact where marginals are; None where
            the policy has no density.
        """
        whole = self.log_prob(obs, PartialAction.everything(action))
        part = self.log_prob(obs, PartialAction(action, given))
        return None if whole is None or part is None else whole - part

    def sample(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """A draw of the whole action from `p(rest | given, obs)`, in the shape of `partial`.

        `reset` seeds it. Given entries come back as they are, whatever their deviation unless it is
        infinite, which means not given; None where the policy has no distribution to draw from.
        """
        rows, batch = self._checked(obs, partial)
        batch = batch.hardened()  # given entries are returned as they are
        drawn = self.draw_rest(rows, batch)
        if drawn is None:
            return None
        answer = checked_action(self, drawn, batch.values.shape)
        action = np.where(batch.given, batch.values, np.clip(answer, self.low, self.high))
        return action if np.ndim(obs) == 2 else action[0]

    def draw_rest(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """Like :meth:`complete`, but drawn from the distribution; :meth:`sample` needs it."""
        return None

    def uncertainty(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """Standard deviation of each dimension given the others, in the shape of `partial`.

        In action units; 0 where given. None where the policy has no density.
        """
        return None

    def _checked(
        self, obs: np.ndarray, partial: PartialAction | None
    ) -> tuple[np.ndarray, PartialAction]:
        """Observations `(B, O)` and a partial action `(B, D)` within the action box."""
        rows = _finite(obs)
        if rows.ndim not in (1, 2) or rows.shape[-1] != self.obs_dim:
            raise InputError(
                f"obs: expected shape ({self.obs_dim},) or (B, {self.obs_dim}), got {rows.shape}"
            )
        shape = (*rows.shape[:-1], self.action_dim)
        if partial is None:
            partial = PartialAction.nothing(*shape)
        expect_partial(partial)
        if partial.values.shape != shape:
            raise InputError(f"partial: expected shape {shape}, got {partial.values.shape}")
        batch = partial.batched()
        return np.atleast_2d(rows), batch if self.guessed_box else batch.clip(self.low, self.high)


def _from_arrays(written: Callable[..., Any]) -> Callable[..., Any]:
    """`complete(obs, partial)` from a method written as `complete(obs, values, given)`."""

    @functools.wraps(written)
    def complete(self: Policy, obs: np.ndarray, partial: PartialAction) -> Any:
        return written(self, obs, partial.values.copy(), partial.given)

    return complete


def _finite(obs: Any) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):  # becomes infinite, which is refused below
            rows = np.asarray(obs).astype(np.float32, casting="same_kind", copy=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"obs: expected real numbers, got {obs!r:.100}") from error
    if not np.isfinite(rows).all():
        raise InputError("obs: expected finite numbers, got one that is not")
    return rows


def expect_partial(partial: Any) -> None:
    """Raise an InputError for anything but a partial action."""
    if not isinstance(partial, PartialAction):
        raise InputError(
            "partial: expected a PartialAction, such as PartialAction.of({0: 0.3}, 9), "
            f"got {partial!r:.100}"
        )


def name_of(policy: Policy) -> str:
    """What results and errors call the policy: its kind, or its class where it has none."""
    return str(getattr(policy, "name", type(policy).__name__))


def full_name(policy: Policy) -> str:
    """What errors call the policy: its name, with its file where it was exported to one."""
    path = getattr(policy, "path", None)
    return name_of(policy) if path is None else f"{name_of(policy)} as the exported file {path}"


def with_own_state(policy: Policy) -> Policy:
    """A copy with its own state and draws, and shared weights."""
    import torch

    weights: list[torch.Tensor] = []
    if isinstance(policy, torch.nn.Module):
        weights = [*policy.parameters(), *policy.buffers()]
    return copy.deepcopy(policy, {id(weight): weight for weight in weights})


def expect_rows(policy: Policy, obs: np.ndarray, partial: PartialAction) -> None:
    """Raise an InputError unless there are as many finite observations as partial actions."""
    expect_partial(partial)
    rows, values = np.atleast_2d(_finite(obs)), np.atleast_2d(partial.values)
    if rows.shape[-1] != policy.obs_dim:
        raise InputError(f"obs: expected {policy.obs_dim} entries, got {rows.shape[-1]}")
    if values.shape[1] != policy.action_dim:
        raise InputError(f"partial: expected {policy.action_dim} dimensions, got {values.shape[1]}")
    if len(rows) != len(values):
        raise InputError(
            f"partial: expected shape {(len(rows), values.shape[1])}, a row for each observation, "
            f"got {partial.values.shape}"
        )


def expect_density(policy: Policy) -> None:
    """Raise an InputError unless the policy has a log-likelihood."""
    probe = PartialAction.everything(np.zeros((1, policy.action_dim)))
    if policy.log_prob(np.zeros((1, policy.obs_dim), np.float32), probe) is None:
        raise InputError(
            f"policy: expected one with a density, such as mac, got {full_name(policy)}"
        )


def checked_action(policy: Policy, answer: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A policy's answer as float32 of this shape, all finite.

    Raises:
        PolicyError: it is something else.
    """
    name = type(policy).__name__
    try:
        with np.errstate(over="ignore"):  # becomes infinite, which is refused below
            action = np.asarray(answer, np.float32)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise PolicyError(f"{name}: expected an array of numbers, got {answer!r:.100}") from error
    if action.shape != shape:
        raise PolicyError(f"{name}: expected an answer of shape {shape}, got {action.shape}")
    if not np.isfinite(action).all():
        at = np.argwhere(~np.isfinite(action))[0]
        raise PolicyError(
            f"{name}: expected finite numbers, got {action[tuple(at)]} at {at.tolist()}"
        )
    return action
