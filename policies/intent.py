"""A belief over the operator's intent, for any policy with a density."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mac_control.demonstrations import Demonstrations
from mac_control.demonstrations.table import Steps, Table
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.base import expect_density
from mac_control.policies.wrapper import PolicyWrapper, WrapperConfig

#: Least prior probability of an intent: what no demonstrator did can still be meant.
_RARE = 1e-3


def _expect_intents(intents: Sequence[str], named: Sequence[str]) -> None:
    if unknown := sorted(set(named) - set(intents)):
        raise InputError(
            f"intents: expected all that demonstrations name, got none for {', '.join(unknown)}; "
            "train a new policy that has these too, or leave out the episodes that name them"
        )


@dataclass(frozen=True)
class IntentConfig(WrapperConfig):
    """What an :class:`Intent` policy is made of, as JSON values."""

    intents: tuple[str, ...] = ()
    """The possible intents; none: the subtasks that the demonstrations name."""
    width: int = 256
    """Width of the prior network, which predicts a demonstrator's intent from the observation."""
    transition_prob: float = 0.02
    """Chance that the intent changes from one step to the next, to any."""
    prior: float = 1.0
    """Exponent of the prior network's evidence at a step in which nothing is given."""
    likelihood_weight: float = 0.5
    """Exponent of the likelihood of given values: successive commands say much the same."""
    most: float = 6.0
    """Most that a single step can count against an intent, relative to the likeliest [nats]."""
    switch_margin: float = 1.0
    """Another intent is chosen once it leads by this [nats]."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "intents", tuple(self.intents))
        if len(set(self.intents)) < len(self.intents):
            raise InputError(f"intents: expected different names, got {list(self.intents)}")
        if self.width < 1:
            raise InputError(f"width: expected at least 1, got {self.width}")
        if not 0 <= self.transition_prob <= 1:
            raise InputError(
                f"transition_prob: expected a probability in [0, 1], got {self.transition_prob}"
            )
        for name in ("prior", "likelihood_weight", "most", "switch_margin"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"{name}: expected at least 0, got {getattr(self, name)}")


class Intent(PolicyWrapper):
    """Infers the operator's intent, and tells it to the policy that it wraps.

        b_t(z) ~ ((1 - c) b_t-1(z) + c / Z) · p(given | obs, z)^w

    The wrapped policy is trained with the demonstrator's intent z (its current subtask) as
    part of the observation. In acting, z is unknown. The belief b is that of a hidden Markov model:
    an intent persists, or with a small chance c is drawn anew from the Z, and the evidence is the
    likelihood of whichever dimensions are given, exact unless commands are soft. Where nothing is
    given, p(z | obs)^h takes its place: what a demonstrator would intend here, by a classifier that
    is trained along. The likeliest intent is kept until another one leads by `switch_margin` nats.
    There is a belief for each row of the batch, from `reset` to `reset`.

    In the spirit of Javdani et al., Shared Autonomy via Hindsight Optimization, RSS 2015, section
    III, where the belief is over goals and the likelihood that of a maximum-entropy user.

    Example:
        >>> config = IntentConfig("mixture_bc", {"width": 8}, intents=("open", "shut"))
        >>> policy = Intent(config, np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
        >>> policy.reset(seed=0)
        >>> partial = PartialAction([[0.5, 0]] * 5, [[True, False]] * 5)
        >>> action = policy.act(np.zeros((5, 3)), partial)
        >>> policy.inner.obs_dim, policy.belief.shape, policy.belief.sum(1).round(6).tolist()
        (5, (5, 2), [1.0, 1.0, 1.0, 1.0, 1.0])
    """

    name: ClassVar[str] = "intent"
    Config: ClassVar[type] = IntentConfig

    @property
    def weighs(self) -> bool:  # type: ignore[override]
        """As the wrapped policy."""
        return self.inner.weighs

    def __init__(self, config: IntentConfig, *box: Any) -> None:
        super().__init__(config, *box)
        obs_mean, obs_std, low, high, *_ = box
        many, width = len(config.intents), config.width
        if many < 2:
            raise InputError(f"intents: expected at least two, got {list(config.intents)}")
        # The intent is passed as a one-hot vector, normalised like the rest of the observation.
        mean = np.r_[obs_mean, np.full(many, 1 / many)]
        std = np.r_[obs_std, np.full(many, np.sqrt(many - 1) / many)]
        self.build_inner(mean, std, low, high)  # no robot: it sees more than the robot does
        expect_density(self.inner)
        self.prior_network = nn.Sequential(
            nn.Linear(self.obs_dim, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, many),
        )
        self.reset()

    @classmethod
    def configured(cls, config: IntentConfig, demonstrations: Demonstrations) -> IntentConfig:
        named = cls.named(config, demonstrations)
        configured: IntentConfig = super().configured(named, demonstrations)
        return configured

    @classmethod
    def named(cls, config: IntentConfig, demonstrations: Demonstrations) -> IntentConfig:
        """With the subtasks of the demonstrations as intents, where none are configured.

        Raises:
            InputError: demonstrations without subtasks, or with one that is no intent.
        """
        names = tuple(sorted(demonstrations.subtasks))
        if not names:
            raise InputError(
                "intents: expected demonstrations that say which subtask each step belongs to, got "
                "none that do; 'mac-control collect' writes such"
            )
        _expect_intents(config.intents or names, names)
        return replace(config, intents=config.intents or names)

    def training_rows(self, table: Table, rows: Tensor) -> Steps:
        """Steps whose observation ends with the demonstrator's intent."""
        _expect_intents(self.config.intents, table.subtasks)
        steps = table.take(rows)
        assert steps.subtask is not None
        places = [self.config.intents.index(name) for name in table.subtasks]
        place = torch.tensor(places, device=steps.subtask.device)
        if (steps.subtask < 0).any():
            raise InputError("intents: expected the subtask of every step, got episodes without")
        told = nn.functional.one_hot(place[steps.subtask], len(self.config.intents))
        return steps._replace(obs=torch.cat([steps.obs, told.to(steps.obs)], -1))

    @property
    def obs_noise_scale(self) -> Tensor:
        """Noise on the observations alone: the intent is passed without noise."""
        return nn.functional.pad(self.obs_std, (0, len(self.config.intents)))

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """The wrapped policy's loss plus the cross-entropy of the prior network."""
        seen, told = batch["obs"][:, : self.obs_dim], batch["obs"][:, self.obs_dim :]
        surprise = -(told * self.prior_network(self.normalize(seen)).log_softmax(-1)).sum(-1)
        weights = self.weights(batch).to(surprise)
        loss: Tensor = super().loss(batch) + (weights * surprise).sum() / weights.sum()
        return loss

    def reset(self, seed: int | None = None) -> None:
        """Start an episode: the belief restarts from the prior network."""
        super().reset(seed)
        self._belief: np.ndarray | None = None  # (B, Z), after the previous step
        self._before: np.ndarray | None = None  # (B, Z), of this step, before its given values
        self._inferred: np.ndarray | None = None  # (B,)
        self._obs: np.ndarray | None = None  # of this step
        self._partial: PartialAction | None = None  # what was given, if exactly
        self._each = np.zeros((0, 0))  # (B, Z), its log-likelihood for each intent

    @property
    def belief(self) -> np.ndarray:
        """Probability of each of `config.intents`, `(B, Z)`; at the last `act`.

        Raises:
            InputError: before the first `act` of an episode.
        """
        if self._belief is None:
            raise InputError("belief: expected an act since the reset, got none")
        return self._belief

    @property
    def inferred_intent(self) -> list[str]:
        """The intent that was chosen for each row at the last `act`."""
        chosen = [] if self._inferred is None else self._inferred.tolist()
        return [self.config.intents[place] for place in chosen]

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """The wrapped policy's action for the current intent."""
        return self.inner.act(self.told(obs), partial)

    def draw_rest(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """The wrapped policy's draw, for the chosen intent."""
        return self.inner.draw_rest(self._told(obs, self._leading(obs)), partial)

    def told(self, obs: np.ndarray) -> np.ndarray:
        """What the wrapped policy sees, `(B, O + Z)`: `obs` `(B, O)` and the current intent."""
        assert self._inferred is not None  # set by observe
        return self._told(obs, self._inferred)

    def observe(self, obs: np.ndarray, partial: PartialAction) -> None:
        """Update the belief by one step."""
        partial = self.taken(partial)
        config = self.config
        if self._belief is not None:
            self.expect_rows(len(self._belief), obs)
        before = self._predicted(obs)
        commanded = partial.given.any(1, keepdims=True)
        each = self._evidence(obs, partial)
        evidence = config.likelihood_weight * each
        if not commanded.all():
            evidence = np.where(commanded, evidence, config.prior * np.log(self._prior(obs)))
        evidence = np.maximum(evidence - evidence.max(1, keepdims=True), -config.most)
        belief = before * np.exp(evidence)
        belief /= belief.sum(1, keepdims=True)
        best, rows = belief.argmax(1), np.arange(len(obs))
        chosen = best if self._inferred is None else self._inferred
        leads = belief[rows, best] > np.exp(config.switch_margin) * belief[rows, chosen]
        chosen = np.where(leads, best, chosen)
        self._belief, self._before, self._inferred, self._obs = belief, before, chosen, obs
        # Only if exact: the likelihood of soft commands may be estimated at random.
        self._partial, self._each = partial if partial.std is None else None, each

    def autonomous_action(self, obs: np.ndarray) -> np.ndarray:
        """What the wrapped policy would do for the chosen intent."""
        return self.inner.act(self._told(obs, self._leading(obs)))

    def log_prob(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """Log-likelihood of the given values under the belief from earlier steps, `(B,)` [nats]."""
        shown, obs, partial = obs, np.atleast_2d(np.asarray(obs, np.float32)), partial.batched()
        same = self._obs is not None and np.array_equal(self._obs, obs)
        before = self._before if same else self._predicted(obs)
        assert before is not None
        # A loop asks right after `act` about the same step: the costliest part is known then.
        judged = self._partial if same else None
        asked = judged is None or partial.std is not None or not judged.same_commands(partial)
        each = self._evidence(obs, partial) if asked else self._each
        most = each.max(1, keepdims=True)
        mixed = most[:, 0] + np.log((before * np.exp(each - most)).sum(1))
        return np.asarray(mixed, np.float32).reshape(np.shape(shown)[:-1])

    def uncertainty(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """The wrapped policy's, for the chosen intent."""
        rows = np.atleast_2d(np.asarray(obs, np.float32))
        found = self.inner.uncertainty(self._told(rows, self._leading(rows)), partial.batched())
        return None if found is None else found.reshape(partial.values.shape)

    def _leading(self, obs: np.ndarray) -> np.ndarray:
        """The chosen intents, `(B,)`; for rows that `act` did not see, the likeliest."""
        if self._inferred is None or len(self._inferred) != len(obs):
            return np.asarray(self._predicted(obs).argmax(1))
        return self._inferred

    def _predicted(self, obs: np.ndarray) -> np.ndarray:
        """The belief before the given values of this step, `(B, Z)`."""
        if self._belief is None or len(self._belief) != len(obs):
            return self._prior(obs)
        change, many = self.config.transition_prob, len(self.config.intents)
        return np.asarray((1 - change) * self._belief + change / many)

    def _prior(self, obs: np.ndarray) -> np.ndarray:
        """`p(z | obs)`, `(B, Z)`; never zero."""
        with torch.inference_mode():
            seen = self.normalize(torch.tensor(obs, device=self.obs_mean.device))
            habit: np.ndarray = self.prior_network(seen).softmax(-1).cpu().double().numpy()
        return np.asarray((habit + _RARE) / (1 + _RARE * habit.shape[1]))

    def _evidence(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """`log p(given | obs, z)` `(B, Z)`; 0 where nothing is given."""
        many = len(self.config.intents)
        every = np.tile(np.arange(many), len(obs))
        std = None if partial.std is None else np.repeat(partial.std, many, 0)
        values, given = (np.repeat(part, many, 0) for part in (partial.values, partial.given))
        each = PartialAction(values, given, std)
        log_prob = self.inner.log_prob(self._told(np.repeat(obs, many, 0), every), each)
        assert log_prob is not None  # as the constructor found
        return np.asarray(log_prob, np.float64).reshape(len(obs), many)

    def _told(self, obs: np.ndarray, intents: np.ndarray) -> np.ndarray:
        """Observations `(B, O + Z)` for the wrapped policy, with the intents `(B,)`."""
        told = np.eye(len(self.config.intents), dtype=np.float32)[intents]
        return np.concatenate([obs, told], 1)
