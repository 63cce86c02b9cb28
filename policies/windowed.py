"""History and chunks for any policy: one wrapper around the data and around `act`.

          past rows          now     future rows
action:  t-2s   t-s           t      t+1   t+2        s: stride
         known where the     known   filled in, known
         operator gave       where   where committed
         (or all of it)      given
obs:     t-2s   t-s           t
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mac_control.demonstrations import Demonstrations
from mac_control.demonstrations.table import Steps, Table
from mac_control.engine.masks import Masks
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.mac import MacPolicy
from mac_control.policies.mac_config import MacConfig
from mac_control.policies.wrapper import PolicyWrapper, WrapperConfig, to_train

REMEMBER = ("operator", "all")


@dataclass(frozen=True)
class WindowConfig(WrapperConfig):
    """What a :class:`Windowed` policy sees and plans, as JSON values."""

    n_obs_steps: int = 1
    """Observations, the present one included."""
    past: int = 0
    """Number of past actions that are known."""
    stride: int = 1
    """Steps between two observations of the history, and between two past actions."""
    chunk_size: int = 1
    """Steps that are planned, the present one included."""
    commit: int = 0
    """Steps, the present one included, that are kept from the previous step's plan."""
    temporal_ensemble_coeff: float | None = None
    """Average what this plan and the `chunk_size` - 1 before it say for the current step, weighted
    by exp(`temporal_ensemble_coeff` · age in steps); 0: equally; None: the newest plan alone."""
    remember: str = "operator"
    """What is known of past actions: what the `operator` gave, or `all` that was done."""

    def __post_init__(self) -> None:
        least = {"n_obs_steps": 1, "past": 0, "stride": 1, "chunk_size": 1, "commit": 0}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise InputError(f"{name}: expected at least {low}, got {getattr(self, name)}")
        if self.commit >= self.chunk_size:
            raise InputError(
                f"commit: expected less than chunk_size ({self.chunk_size}), got {self.commit}"
            )
        if self.temporal_ensemble_coeff is not None and (
            self.commit or not np.isfinite(self.temporal_ensemble_coeff)
        ):
            raise InputError(
                "temporal_ensemble_coeff: expected a finite number, and with it commit=0, got "
                f"{self.temporal_ensemble_coeff} and {self.commit}"
            )
        if self.remember not in REMEMBER:
            raise InputError(
                f"remember: expected one of {', '.join(REMEMBER)}, got {self.remember!r}"
            )

    @property
    def offsets(self) -> np.ndarray:
        """Time of each row of a window of actions, relative to now: now, future, past."""
        future = np.arange(self.chunk_size)
        return np.concatenate([future, -self.stride * np.arange(1, self.past + 1)])


class Windowed(PolicyWrapper):
    """Wraps a policy to work on windows: `h` observations in, `R` actions of `D` dimensions out.

    To the wrapped policy, a window is one long observation `(h·O,)` and one long action `(R·D,)` of
    which some entries are given. So it conditions on past commands, the committed part of the plan
    and the operator's dimensions in the same way. With `temporal_ensemble_coeff`, the action is the
    mean of what successive plans say for a step, as in Zhao et al., Learning Fine-Grained Bimanual
    Manipulation (ACT), RSS 2023, section IV. It keeps state for each row of the batch from `reset`
    to `reset`.

    Example:
        >>> config = WindowConfig("bc", {"width": 8}, n_obs_steps=3, chunk_size=2)
        >>> policy = Windowed(config, np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
        >>> policy.reset(seed=0)
        >>> policy.inner.obs_dim, policy.inner.action_dim, policy.act(np.zeros((5, 3))).shape
        (9, 4, (5, 2))
    """

    name: ClassVar[str] = "windowed"
    Config: ClassVar[type] = WindowConfig

    def __init__(self, config: WindowConfig, *box: Any) -> None:
        super().__init__(config, *box)
        self.rows = len(config.offsets)
        self.plans_ahead = config.commit > 0 or config.temporal_ensemble_coeff is not None
        self.chunk_size = config.chunk_size if config.n_obs_steps == 1 and not config.past else 0
        seen = (np.tile(part, config.n_obs_steps) for part in box[:2])
        done = (np.tile(part, self.rows) for part in box[2:4])
        self.build_inner(*seen, *done)
        order = getattr(self.inner.config, "order", "natural")
        if config.past and order != "natural":  # the past is not learnt, and must come last
            raise InputError(f"order: expected natural within windowed with a past, got {order}")
        if isinstance(self.inner, MacPolicy):
            self.inner.config.expect_dims(self.action_dim)  # of one step
            self._present, self.inner.queries = self.inner.queries, self.queries
        self.reset()

    @classmethod
    def configured(cls, config: WindowConfig, demonstrations: Demonstrations) -> WindowConfig:
        _, own = to_train(config)
        if isinstance(own, MacConfig) and own.blocks and not own.block_sizes:
            raise InputError(
                "blocks: expected 0 within windowed, as their sizes are found for the dimensions "
                f"of one step alone, got {own.blocks}"
            )
        return config  # the wrapped policy's dimensions are not those of the demonstrations

    def training_rows(self, table: Table, rows: Tensor) -> Steps:
        """Windows around each step, padded with an episode's first and last step."""
        config = self.config
        back = config.stride * torch.arange(config.n_obs_steps - 1, -1, -1)
        seen = table.take(table.windows(rows, -back)).obs
        _, *actions, _ = table.take(table.windows(rows, torch.from_numpy(config.offsets)))
        return Steps(*(part.flatten(1) for part in (seen, *actions)))

    @property
    def obs_noise_scale(self) -> Tensor:
        return self.inner.obs_std

    def queries(
        self,
        batch: int,
        dim: int,
        generator: torch.Generator | None = None,
        may: Tensor | None = None,
    ) -> Masks:
        """Masks as in acting: one set of given dimensions now and in the past, and commitments.

        Half of the time the whole past is known, otherwise a random number of its rows; past rows
        are never queried.
        """
        config, width = self.config, dim // self.rows
        may = None if may is None else may.view(batch, self.rows, width)
        given, query = self._present(batch, width, generator, None if may is None else may[:, 0])
        chosen = torch.zeros(batch, self.rows, width, dtype=torch.bool)
        chosen[:, 0] = given
        if config.past:
            draw = torch.rand(batch, 2, 1, generator=generator)
            count = torch.where(draw[:, 0] < 0.5, config.past, (draw[:, 1] * config.past).long())
            begun = torch.arange(config.past) < count
            row = given if config.remember == "operator" else torch.ones_like(given)
            chosen[:, config.chunk_size :] = row[:, None] & begun[:, :, None]
            if may is not None and config.remember == "operator":
                chosen[:, config.chunk_size :] &= may[:, config.chunk_size :]
        if config.commit:
            kept = torch.rand(batch, 1, 1, generator=generator) < 0.5
            chosen[:, : config.commit] |= kept
        asked = ~chosen
        asked[:, 0] &= query  # with `marginal`, only some of what is not given
        asked[:, config.chunk_size :] = False
        return chosen.reshape(batch, dim), asked.reshape(batch, dim)

    def reset(self, seed: int | None = None) -> None:
        """Start an episode: forget what was seen, given and planned."""
        super().reset(seed)
        config = self.config
        self._seen: deque[np.ndarray] = deque(maxlen=config.stride * (config.n_obs_steps - 1) + 1)
        self._past: deque[PartialAction] = deque(maxlen=max(1, config.stride * config.past))
        self._plans: deque[np.ndarray | None] = deque(
            maxlen=config.chunk_size
        )  # (B, chunk, D) or None
        self._known: PartialAction | None = None  # (B, R·D), of the last step

    def observe(self, obs: np.ndarray, partial: PartialAction) -> None:
        """Take in an observation and commands; each call is one step of the batch's episodes.

        Raises:
            InputError: a batch size that changed since the previous step, without a reset.
        """
        if self._seen:
            self.expect_rows(len(self._seen[-1]), obs)
        partial = partial.hardened()  # what has an infinite deviation is not remembered
        last = self._plans[-1] if self._plans else None
        self._seen.append(obs)
        self._plans.append(None)  # until `complete` makes one
        self._known = self._conditions(last)
        if self.config.past:  # `complete` adds what is filled in
            given = partial.given | (self.config.remember == "all")
            self._past.append(PartialAction(partial.values, given))

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        window = self._joined(self._known, partial)
        filled = self.inner.act(self._stacked(), window).reshape(len(obs), self.rows, -1)
        self._plans[-1] = filled[:, : self.config.chunk_size]
        ensemble = self.config.temporal_ensemble_coeff is not None
        action = self._averaged() if ensemble else filled[:, 0]
        if self.config.past:
            done = np.where(partial.given, partial.values, np.clip(action, self.low, self.high))
            self._past[-1] = PartialAction(done, self._past[-1].given)
        return action

    def _averaged(self) -> np.ndarray:
        """The average of what successive plans say for the current step, `(B, D)`."""
        ages = [(age, plan) for age, plan in enumerate(reversed(self._plans)) if plan is not None]
        exponents = np.array([self.config.temporal_ensemble_coeff * age for age, _ in ages])
        weights = np.exp(exponents - exponents.max())
        said = np.stack([plan[:, age] for age, plan in ages])
        return np.tensordot(weights / weights.sum(), said, 1).astype(np.float32)

    def log_prob(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """Log-likelihood of the given values, conditioned on the known past [nats].

        `(B,)` for `(B, O)`, `()` for `(O,)`. It is for the step of the last `act`; before the first
        one, nothing is known of the past.
        """
        shape = np.shape(obs)[:-1]
        obs = np.atleast_2d(np.asarray(obs, np.float32))
        partial = partial.batched().hardened()
        if self._seen and np.array_equal(self._seen[-1], obs):
            stacked, known = self._stacked(), self._past_only(self._known)
        else:
            stacked = np.tile(obs, self.config.n_obs_steps)
            known = PartialAction.nothing(len(obs), self.inner.action_dim)
        both = self._joined(known, partial)
        if isinstance(self.inner, MacPolicy):
            return self.inner.log_prob(stacked, both, known.given).reshape(shape)
        joint, past = (self.inner.log_prob(stacked, each) for each in (both, known))
        return None if joint is None or past is None else (joint - past).reshape(shape)

    def _stacked(self) -> np.ndarray:
        """Observations `(B, h·O)`, the oldest first; the first one stands for those before."""
        seen, config = list(self._seen), self.config
        back = [config.stride * i for i in range(config.n_obs_steps - 1, -1, -1)]
        return np.concatenate([seen[max(len(seen) - 1 - b, 0)] for b in back], -1)

    def _conditions(self, plan: np.ndarray | None) -> PartialAction:
        """The window `(B, R·D)` without the values given now: the past, and commitments."""
        config, many, width = self.config, len(self._seen[-1]), self.action_dim
        values = np.zeros((many, self.rows, width), np.float32)
        given = np.zeros(values.shape, bool)
        for i in range(config.past):
            back = config.stride * (i + 1)
            if back <= len(self._past):
                values[:, config.chunk_size + i] = self._past[-back].values
                given[:, config.chunk_size + i] = self._past[-back].given
        if plan is not None and config.commit:
            values[:, : config.commit] = plan[:, 1 : config.commit + 1]
            given[:, : config.commit] = True
        return PartialAction(values.reshape(many, -1), given.reshape(many, -1))

    def _joined(self, known: PartialAction, now: PartialAction) -> PartialAction:
        values, given = known.values.copy(), known.given.copy()
        width = self.action_dim
        values[:, :width] = np.where(now.given, now.values, values[:, :width])
        given[:, :width] |= now.given
        return PartialAction(values, given)

    def _past_only(self, known: PartialAction) -> PartialAction:
        """Without commitments: a command's likelihood must not depend on the policy's own plan."""
        given = known.given.copy()
        given[:, : self.config.chunk_size * self.action_dim] = False
        return PartialAction(known.values, given)
