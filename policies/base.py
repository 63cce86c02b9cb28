"""What every policy can do: complete an action of which some dimensions are given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from mac_control.errors import InputError, PolicyError
from mac_control.partial import PartialAction


class Policy(ABC):
    """Completes partial actions.

    A subclass sets `obs_dim`, `low` and `high` and writes `complete`; `act` checks what comes
    in and what goes out, so that given entries return bit for bit (clipped to the action box)
    and nothing that is not finite reaches an environment.
    """

    obs_dim: int
    low: np.ndarray  # (D,) float32, lower ends of the action box
    high: np.ndarray  # (D,) float32, upper ends
    remembers: bool = False  # whether an answer depends on the steps before, chance apart

    @property
    def action_dim(self) -> int:
        """Number of action dimensions, D."""
        return len(self.low)

    def reset(self, seed: int | None = None) -> None:  # noqa: B027 - most policies keep no state
        """Start an episode: forget the last one, and seed whatever is drawn at random."""

    @property
    def followed(self) -> list[str]:
        """What each row's operator was taken to be up to; empty where that is not inferred."""
        return []

    def act(self, obs: np.ndarray, partial: PartialAction | None = None) -> np.ndarray:
        """The whole action, `(D,)` for an observation `(O,)`, or `(B, D)` for `(B, O)`.

        `partial`, of the same batch shape, says which dimensions are given; None is autonomy.

        Raises:
            InputError: shapes that do not fit, or an observation that is not finite.
            PolicyError: the policy itself answered with another shape, or with a number that is
                not finite.
        """
        obs = np.asarray(obs, np.float32)
        if obs.ndim not in (1, 2) or obs.shape[-1] != self.obs_dim:
            raise InputError(
                f"obs: expected shape ({self.obs_dim},) or (B, {self.obs_dim}), got {obs.shape}"
            )
        if not np.isfinite(obs).all():
            raise InputError("obs: expected finite numbers, got one that is not")
        shape = (*obs.shape[:-1], self.action_dim)
        if partial is None:
            partial = PartialAction.nothing(*shape)
        if partial.values.shape != shape:
            raise InputError(f"partial: expected shape {shape}, got {partial.values.shape}")
        values: np.ndarray = np.clip(partial.values, self.low, self.high)
        if partial.given.all():
            return values
        # A copy: what is given stays as it is, whatever a policy does to its arguments.
        batch = (np.atleast_2d(obs), np.atleast_2d(values.copy()), np.atleast_2d(partial.given))
        action = checked_action(self, self.complete(*batch), batch[1].shape).reshape(shape)
        return np.where(partial.given, values, np.clip(action, self.low, self.high))

    @abstractmethod
    def complete(self, obs: np.ndarray, values: np.ndarray, given: np.ndarray) -> np.ndarray:
        """Fill in: `(B, O)`, `(B, D)`, `(B, D)` boolean -> `(B, D)`; float32, all checked.

        What is returned where `given` is True is not used.
        """

    def alone(self, obs: np.ndarray) -> np.ndarray:
        """What it would do now if nobody drove, `(B, O)` -> `(B, D)`; asking changes nothing.

        Raises:
            InputError: a policy that remembers and cannot tell.
        """
        if self.remembers:
            raise InputError(
                f"policy: expected one that can say what it would do alone, got {name_of(self)}"
            )
        return self.act(obs)

    def log_prob(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """Log-likelihood of what was given, `(B,)` [nats]; None where the policy has no density."""
        return None

    def uncertainty(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """Standard deviation of each dimension on what is given, in the shape of `partial`.

        In action units; 0 where given. None where the policy has no density.
        """
        return None


def name_of(policy: Policy) -> str:
    """What results and errors call it: by its kind, or by its class where it has none."""
    return str(getattr(policy, "name", type(policy).__name__))


def expect_density(policy: Policy) -> None:
    """Raise an InputError unless the policy can say how likely what is given is."""
    probe = PartialAction.everything(np.zeros((1, policy.action_dim)))
    if policy.log_prob(np.zeros((1, policy.obs_dim), np.float32), probe) is None:
        raise InputError(f"policy: expected one with a density, such as mac, got {name_of(policy)}")


def checked_action(policy: Policy, answer: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A policy's answer as float32 of this shape, all finite.

    Raises:
        PolicyError: it is something else.
    """
    name = type(policy).__name__
    try:
        with np.errstate(over="ignore"):  # becomes infinite, which is refused below
            action = np.asarray(answer, np.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise PolicyError(f"{name}: expected an array of numbers, got {answer!r:.100}") from error
    if action.shape != shape:
        raise PolicyError(f"{name}: expected an answer of shape {shape}, got {action.shape}")
    if not np.isfinite(action).all():
        at = np.argwhere(~np.isfinite(action))[0]
        raise PolicyError(
            f"{name}: expected finite numbers, got {action[tuple(at)]} at {at.tolist()}"
        )
    return action
