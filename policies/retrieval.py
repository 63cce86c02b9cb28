"""Demonstration retrieval around any policy."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mac_control.demonstrations import Demonstrations
from mac_control.errors import InputError
from mac_control.feedback import Feedback
from mac_control.partial import PartialAction
from mac_control.policies.base import full_name
from mac_control.policies.learned import LearnedPolicy
from mac_control.policies.wrapper import PolicyWrapper, WrapperConfig

AHEAD = 6  # frames that are searched per step: a plan advances by at most one less
PATIENCE = 3  # steps at one frame after which it advances anyway, so that it never waits for ever
KEPT = 0.9  # share of a plan's error that is kept per step
FREE = 0.2  # weight of free joints relative to given ones in the search for a plan's frame
BELIEF = 0.2  # plans whose errors differ by less than its square [rad²] are about equally likely
FAR = 1e6  # largest distance of an observation to a plan, so that a wild one is forgotten again
RIDGE = 0.01  # variance of commands that plans do not explain, in action units squared


@dataclass(frozen=True)
class RetrievalConfig(WrapperConfig):
    """What a :class:`Retrieval` policy is made of, as JSON values."""

    share: float = 0.5
    """Weight of the demonstrations in free dimensions; the rest is the wrapped policy's."""
    plans: int = 40
    """How many demonstrations are stored: the least perturbed ones."""
    lengths: tuple[int, ...] = ()
    """Lengths of the stored demonstrations [steps]; training fills them in."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "lengths", tuple(self.lengths))
        if not 0 <= self.share <= 1:
            raise InputError(f"share: expected a share in [0, 1], got {self.share}")
        if self.plans < 1:
            raise InputError(f"plans: expected at least 1, got {self.plans}")
        if len(self.lengths) > self.plans or any(length < 1 for length in self.lengths):
            raise InputError(
                f"lengths: expected at most {self.plans}, at least 1 step each, "
                f"got {list(self.lengths)}"
            )


class Retrieval(PolicyWrapper):
    """A policy with a belief over which stored demonstration the operator tracks.

    Each stored demonstration n is tracked. It has a frame, the one among the next few whose
    positions and commands are nearest to the robot's and the operator's; an error e_n, the distance
    of that frame over the last second; and a command c_n, its action with feedback. With weights
    w_n ~ exp(-(e_n - min e) / 2b²), and mean c and covariance S of the commands under them, free
    dimensions covary with given ones as they do across demonstrations:

        c_free + S_free,given (S_given,given + ρ I)⁻¹ (given - c_given)

    A soft command counts less by its deviation s: ρ + s² takes the place of ρ, and in e_n its
    weight is b² / (b² + s²), with s in the units of positions.

    The action is the mean of that and the wrapped policy's, weighted by `share` times the largest
    weight of a command; where nothing is given it is the wrapped policy's alone. Positions and
    feedback are those of the :class:`Robot`.
    State is kept for each row of the batch from `reset` to `reset`.

    Example:
        >>> from mac_control.robot import ActionDim, Robot
        >>> arm = Robot("arm", tuple(ActionDim(f"j{i}", position=i, gain=5.0) for i in range(2)))
        >>> config = RetrievalConfig("bc", {"width": 8}, lengths=(5, 4))
        >>> policy = Retrieval(config, np.zeros(3), np.ones(3), -np.ones(2), np.ones(2), arm)
        >>> policy.reset(seed=0)
        >>> mine = PartialAction([[0.5, 0.0]], [[True, False]])
        >>> policy.act(np.zeros((1, 3)), mine).shape, policy.belief.tolist()
        ((1, 2), [[0.5, 0.5]])
    """

    name: ClassVar[str] = "retrieval"
    Config: ClassVar[type] = RetrievalConfig
    seen: Tensor
    done: Tensor

    @property
    def weighs(self) -> bool:  # type: ignore[override]
        """As the wrapped policy."""
        return self.inner.weighs

    def __init__(self, config: RetrievalConfig, *box: Any) -> None:
        super().__init__(config, *box)
        if not config.lengths:
            raise InputError("lengths: expected those of the plans, got none")
        self._feedback = feedback = Feedback.of(self.robot, "retrieval")
        pose = feedback.pose
        self._pose_dims, self._pose_entries = feedback.dims[pose], feedback.entries[pose]
        self._pose_gains = feedback.gains[pose].astype(np.float32)
        # Commands are compared by the position that they ask for; without feedback, by their value.
        self._scale = np.ones(self.action_dim, np.float32)
        moved = feedback.gains > 0
        self._scale[feedback.dims[moved]] = feedback.gains[moved]
        self._pose_scale = self._scale[self._pose_dims]
        self._others = np.setdiff1d(np.arange(self.obs_dim), feedback.entries)
        self.build_inner(*box)
        frames = max(config.lengths) + AHEAD  # the last frame is repeated
        for name, width in (("seen", self.obs_dim), ("done", self.action_dim)):
            self.register_buffer(name, torch.zeros(len(config.lengths), frames, width))
        self.reset()

    @classmethod
    def wrap(
        cls, policy: LearnedPolicy, demonstrations: Demonstrations, **settings: Any
    ) -> Retrieval:
        """Retrieval around an already trained policy; nothing is trained or copied.

        Args:
            policy: one that is not stateful.
            demonstrations: to store; not necessarily those that the policy learnt from.
            settings: fields of `Config`, such as `share` and `plans`.

        Raises:
            InputError: demonstrations that do not fit the policy, or a policy that is stateful.

        Example:
            >>> from mac_control.demonstrations import Episode
            >>> from mac_control.policies.bc import BC
            >>> from mac_control.robot import ActionDim, Robot
            >>> arm = Robot("arm", (ActionDim("joint", position=0, gain=5.0),))
            >>> known = Demonstrations([Episode(np.zeros((5, 2)), np.zeros((5, 1)))], robot=arm)
            >>> policy = BC(BC.Config(), np.zeros(2), np.ones(2), -np.ones(1), np.ones(1))
            >>> Retrieval.wrap(policy, known).config.lengths
            (5,)
        """
        if not isinstance(policy, LearnedPolicy):
            raise InputError(f"policy: expected one that was trained here, got {full_name(policy)}")
        found = (demonstrations.obs_dim, demonstrations.action_dim)
        if found != (policy.obs_dim, policy.action_dim):
            raise InputError(
                f"demonstrations: expected {policy.obs_dim} observed and {policy.action_dim} "
                f"action dimensions, as the policy has, got {found[0]} and {found[1]}"
            )
        config = RetrievalConfig(policy.name, asdict(policy.config), **settings)
        box = (*policy.box[:-1], demonstrations.robot or policy.robot)
        memory = cls(_with_lengths(config, demonstrations), *box)
        memory.inner, memory.guessed_box = policy, policy.guessed_box
        memory.store_demonstrations(demonstrations)
        return memory.to(policy.obs_mean.device).eval()

    @classmethod
    def configured(cls, config: RetrievalConfig, demonstrations: Demonstrations) -> RetrievalConfig:
        filled = _with_lengths(config, demonstrations)
        configured: RetrievalConfig = super().configured(filled, demonstrations)
        return configured

    def store_demonstrations(self, demonstrations: Demonstrations) -> None:
        for plan, episode in enumerate(least_perturbed(demonstrations, self.config.plans)):
            for buffer, rows in ((self.seen, episode.observations), (self.done, episode.actions)):
                buffer[plan, : len(rows)] = torch.from_numpy(np.asarray(rows, np.float32))
                buffer[plan, len(rows) :] = buffer[plan, len(rows) - 1].clone()

    def reset(self, seed: int | None = None) -> None:
        """Start an episode: every plan is at its first frame, and all are equally likely."""
        super().reset(seed)
        self._frame = np.zeros((0, len(self.config.lengths)), int)  # (B, N)
        self._waited, self._error = self._frame.copy(), self._frame.astype(float)

    @property
    def belief(self) -> np.ndarray:
        """Probability of each plan, `(B, N)`, at the last `act`."""
        surplus = self._error - self._error.min(1, keepdims=True)
        weights = np.exp(-surplus / (2 * BELIEF**2))
        return np.asarray(weights / weights.sum(1, keepdims=True))

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        planned = self.planned(obs, partial)
        own = self.inner.act(obs, partial)
        share = self.config.share * self._weights(partial).max(1, keepdims=True)
        mixed = np.asarray(share * planned + (1 - share) * own, np.float32)
        return np.where(partial.given, own, mixed)  # commands are weighed by the wrapped policy

    def _weights(self, partial: PartialAction) -> np.ndarray:
        """How much each command counts, `(B, D)`: 1 if exact, 0 if not given."""
        soft = 0.0 if partial.std is None else partial.std.astype(float) / self._scale
        return np.asarray(partial.given * (BELIEF**2 / (BELIEF**2 + soft**2)))

    def autonomous_action(self, obs: np.ndarray) -> np.ndarray:
        return self.inner.act(obs)

    def log_prob(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """The wrapped policy's: plans have no density."""
        return self.inner.log_prob(obs, partial)

    def conditional_log_prob(
        self, obs: np.ndarray, action: np.ndarray, given: np.ndarray
    ) -> np.ndarray | None:
        return self.inner.conditional_log_prob(obs, action, given)

    def uncertainty(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        return self.inner.uncertainty(obs, partial)

    def observe(self, obs: np.ndarray, partial: PartialAction) -> None:
        """Advance each demonstration's frame, and update how well it explains obs and commands."""
        partial = self.taken(partial)
        values = partial.values
        if not len(self._frame):
            self._frame, self._waited, self._error = (
                np.zeros((len(obs), *part.shape[1:]), part.dtype)
                for part in (self._frame, self._waited, self._error)
            )
        self.expect_rows(len(self._frame), obs)
        plans, last = np.arange(len(self.config.lengths)), np.array(self.config.lengths) - 1
        seen, done = self.seen.cpu().numpy(), self.done.cpu().numpy()
        ahead = self._frame[..., None] + np.arange(AHEAD)  # (B, N, AHEAD)
        entries, dims, gains = self._pose_entries, self._pose_dims, self._pose_gains
        # `take` keeps the memory layout, so that sums keep their order and their last bits.
        commands = self._weights(partial), values
        trusted, wanted = (part.take(dims, -1)[:, None, None] for part in commands)
        at = plans[:, None], ahead
        gap = _gap(seen[at].take(entries, -1), obs.take(entries, -1)[:, None, None])
        off = done[at].take(dims, -1) + gains * gap - wanted
        weight = FREE + (1 - FREE) * trusted
        cost = (weight * gap**2 + trusted * (off / self._pose_scale) ** 2).sum(-1)
        step = np.where(ahead <= last[:, None], cost, np.inf).argmin(-1)
        self._waited = np.where(step > 0, 0, self._waited + 1)
        impatient = self._waited >= PATIENCE
        step = np.where(impatient, 1, step)
        self._waited[impatient] = 0
        self._frame = np.minimum(self._frame + step, last)
        error = np.take_along_axis(cost, step[..., None], -1)[..., 0]
        others = self._others
        rest = _gap(seen[plans, self._frame].take(others, -1), obs.take(others, -1)[:, None])
        self._error = KEPT * self._error + (1 - KEPT) * (error + (rest**2).sum(-1))

    def planned(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """The plans' action, conditioned on the given dimensions, `(B, D)`."""
        values, given = partial.values, partial.given
        noise = np.full(values.shape, RIDGE)
        if partial.std is not None:
            noise += partial.std.astype(float) ** 2
        plans, feedback = np.arange(len(self.config.lengths)), self._feedback
        seen, done = self.seen.cpu().numpy(), self.done.cpu().numpy()
        commands = done[plans, self._frame].astype(np.float64)  # (B, N, D)
        entries = feedback.entries
        gap = _gap(seen[plans, self._frame].take(entries, -1), obs.take(entries, -1)[:, None])
        commands[..., feedback.dims] += feedback.gains * gap
        weights = self.belief
        mean = np.einsum("bn,bnd->bd", weights, commands)
        around = commands - mean[:, None]
        covariance = np.einsum("bn,bnd,bne->bde", weights, around, around)
        for row, known in enumerate(given):
            if known.any() and not known.all():
                explained = covariance[row][np.ix_(known, known)] + np.diag(noise[row][known])
                off = np.linalg.solve(explained, (values[row] - mean[row])[known])
                mean[row] += covariance[row][:, known] @ off
        return np.asarray(np.clip(mean, self.low, self.high))


def _with_lengths(config: RetrievalConfig, demonstrations: Demonstrations) -> RetrievalConfig:
    chosen = least_perturbed(demonstrations, config.plans)
    return replace(config, lengths=tuple(len(episode) for episode in chosen))


def _gap(planned: np.ndarray, obs: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.clip(planned - obs, -FAR, FAR)


def least_perturbed(demonstrations: Demonstrations, count: int) -> Demonstrations:
    """The `count` demonstrations whose executed actions differ least from the intended ones."""
    if len(demonstrations) <= count:
        return demonstrations
    off = [
        0.0 if e.executed is None else float(np.abs(e.executed - e.actions).mean())
        for e in demonstrations
    ]
    return demonstrations.select(sorted(np.argsort(off, kind="stable")[:count].tolist()))
