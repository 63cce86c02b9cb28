"""A memory of whole demonstrations, around any policy."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mac_control.demonstrations import Demonstrations
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.around import Around, AroundConfig
from mac_control.policies.learned import LearnedPolicy

# As the operator that tracks does; operators know of policies, so policies know none of them.
POSITIONS, ARM_JOINTS = 9, 7
GAIN, FINGER_GAIN = 5.0, 6.0  # action units per rad, and per metre
AHEAD = 6  # frames that a plan can go on by in a step, less one
PATIENCE = 3  # steps at one frame after which it goes on anyway: else two who wait wait for ever
KEPT = 0.9  # share of a plan's error that is left after a step
FREE = 0.2  # weight of free joints beside given ones when asking how far a plan is
BELIEF = 0.2  # errors of plans that are believed alike differ by less than its square [rad²]
RIDGE = 0.01  # variance of commands that plans do not explain, in action units squared


@dataclass(frozen=True)
class RecallConfig(AroundConfig):
    """What a :class:`Recall` policy is made of, as JSON values."""

    share: float = 0.5
    """Of what is filled in, the share of the plans; the rest is the policy's within."""
    plans: int = 40
    """How many demonstrations are remembered: those that were disturbed least."""
    lengths: tuple[int, ...] = ()
    """Their lengths [steps]; training fills them in."""

    def __post_init__(self) -> None:
        super().__post_init__()
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


class Recall(Around):
    """Another policy, beside a belief over which demonstration the operator has in mind.

    Each remembered demonstration n is tracked: it keeps a frame, the one among the next few whose
    positions and commands are nearest to the robot's and to what is given, an error e_n, how far
    that was off over the last second, and says what it would do now, c_n (its action, with
    feedback). With weights w_n ~ exp(-(e_n - min e) / 2b²), and mean c and covariance S of the
    commands under them, what is free follows what is given as it varies from plan to plan:

        c_free + S_free,given (S_given,given + ρ I)⁻¹ (given - c_given)

    The action is the mean of that and of what the policy within says, by `share`; where nothing
    is given it is the policy's alone. Observations begin with the arm's and fingers' positions
    and actions with their velocities, as in the kitchen. State is kept for each row of the batch
    from `reset` to `reset`.

    Example:
        >>> config = RecallConfig("bc", {"width": 8}, lengths=(5, 4))
        >>> policy = Recall(config, np.zeros(30), np.ones(30), -np.ones(9), np.ones(9))
        >>> policy.reset(seed=0)
        >>> mine = PartialAction([[0.5] + [0] * 8], [[True] + [False] * 8])
        >>> policy.act(np.zeros((1, 30)), mine).shape, policy.belief.tolist()
        ((1, 9), [[0.5, 0.5]])
    """

    name: ClassVar[str] = "recall"
    Config: ClassVar[type] = RecallConfig
    seen: Tensor
    done: Tensor

    def __init__(self, config: RecallConfig, *box: np.ndarray) -> None:
        super().__init__(config, *box)
        if not config.lengths:
            raise InputError("lengths: expected those of the plans, got none")
        if self.obs_dim < POSITIONS or self.action_dim < ARM_JOINTS:
            raise InputError(
                f"demonstrations: expected at least {POSITIONS} observed positions and "
                f"{ARM_JOINTS} action dimensions, got {self.obs_dim} and {self.action_dim}"
            )
        self.enclose(*box)
        frames = max(config.lengths) + AHEAD  # the last frame is repeated
        for name, width in (("seen", self.obs_dim), ("done", self.action_dim)):
            self.register_buffer(name, torch.zeros(len(config.lengths), frames, width))
        joints = min(POSITIONS, self.action_dim)
        self._gains = np.r_[np.full(ARM_JOINTS, GAIN), np.full(joints - ARM_JOINTS, FINGER_GAIN)]
        self.reset()

    @classmethod
    def around(
        cls, policy: LearnedPolicy, demonstrations: Demonstrations, **settings: Any
    ) -> Recall:
        """A memory around a policy that is trained already: nothing is learnt anew, or copied.

        Args:
            policy: one that does not remember.
            demonstrations: to remember; any, not only those that the policy learnt from.
            settings: fields of `Config`, such as `share` and `plans`.

        Raises:
            InputError: demonstrations that do not fit the policy, or a policy that remembers.

        Example:
            >>> from mac_control.demonstrations import Episode
            >>> from mac_control.policies.bc import BC
            >>> box = np.zeros(30), np.ones(30), -np.ones(9), np.ones(9)
            >>> episode = Episode(np.zeros((5, 30)), np.zeros((5, 9)))
            >>> Recall.around(BC(BC.Config(), *box), Demonstrations([episode])).config.lengths
            (5,)
        """
        if not isinstance(policy, LearnedPolicy):
            raise InputError(f"policy: expected one that was trained here, got {type(policy)}")
        found = (demonstrations.obs_dim, demonstrations.action_dim)
        if found != (policy.obs_dim, policy.action_dim):
            raise InputError(
                f"demonstrations: expected {policy.obs_dim} observed and {policy.action_dim} "
                f"action dimensions, as the policy has, got {found[0]} and {found[1]}"
            )
        config = RecallConfig(policy.name, asdict(policy.config), **settings)
        box = (policy.obs_mean, policy.obs_std, policy.action_low, policy.action_high)
        memory = cls(cls.configured(config, demonstrations), *(part.cpu().numpy() for part in box))
        memory.inner = policy
        memory.keep(demonstrations)
        return memory.to(policy.obs_mean.device).eval()

    @classmethod
    def configured(cls, config: RecallConfig, demonstrations: Demonstrations) -> RecallConfig:
        chosen = _calmest(demonstrations, config.plans)
        return replace(config, lengths=tuple(len(episode) for episode in chosen))

    def keep(self, demonstrations: Demonstrations) -> None:
        for plan, episode in enumerate(_calmest(demonstrations, self.config.plans)):
            for buffer, rows in ((self.seen, episode.observations), (self.done, episode.actions)):
                buffer[plan, : len(rows)] = torch.from_numpy(np.asarray(rows, np.float32))
                buffer[plan, len(rows) :] = buffer[plan, len(rows) - 1].clone()

    def reset(self, seed: int | None = None) -> None:
        """Start an episode: every plan is at its first frame, and as likely as any other."""
        super().reset(seed)
        self._frame = np.zeros((0, len(self.config.lengths)), int)  # (B, N)
        self._waited, self._error = self._frame.copy(), self._frame.astype(float)

    @property
    def belief(self) -> np.ndarray:
        """Probability of each plan, `(B, N)`, at the last `act`."""
        surplus = self._error - self._error.min(1, keepdims=True)
        weights = np.exp(-surplus / (2 * BELIEF**2))
        return np.asarray(weights / weights.sum(1, keepdims=True))

    def hear(self, obs: np.ndarray, partial: PartialAction) -> None:
        self._advance(obs, partial.values, partial.given)

    def complete(self, obs: np.ndarray, values: np.ndarray, given: np.ndarray) -> np.ndarray:
        self._advance(obs, values, given)
        planned = self._planned(obs, values, given)
        own = self.inner.act(obs, PartialAction(values, given))
        share = np.where(given.any(1, keepdims=True), self.config.share, 0.0)
        return np.asarray(share * planned + (1 - share) * own, np.float32)

    def alone(self, obs: np.ndarray) -> np.ndarray:
        return self.inner.act(obs)

    def log_prob(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        """That of the policy within: plans have no density."""
        return self.inner.log_prob(obs, partial)

    def uncertainty(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray | None:
        return self.inner.uncertainty(obs, partial)

    def _advance(self, obs: np.ndarray, values: np.ndarray, given: np.ndarray) -> None:
        """Move each plan's frame on, and note how well it explains what is seen and given."""
        if not len(self._frame):
            self._frame, self._waited, self._error = (
                np.zeros((len(obs), *part.shape[1:]), part.dtype)
                for part in (self._frame, self._waited, self._error)
            )
        self.expect_rows(len(self._frame), obs)
        plans, last = np.arange(len(self.config.lengths)), np.array(self.config.lengths) - 1
        seen, done = self.seen.cpu().numpy(), self.done.cpu().numpy()
        ahead = self._frame[..., None] + np.arange(AHEAD)  # (B, N, AHEAD)
        arm, given = slice(ARM_JOINTS), given[:, None, None, :ARM_JOINTS]
        gap = seen[plans[:, None], ahead, arm] - obs[:, None, None, arm]
        off = done[plans[:, None], ahead, arm] + GAIN * gap - values[:, None, None, arm]
        cost = (np.where(given, 1.0, FREE) * gap**2 + given * (off / GAIN) ** 2).sum(-1)
        step = np.where(ahead <= last[:, None], cost, np.inf).argmin(-1)
        self._waited = np.where(step > 0, 0, self._waited + 1)
        impatient = self._waited >= PATIENCE
        step = np.where(impatient, 1, step)
        self._waited[impatient] = 0
        self._frame = np.minimum(self._frame + step, last)
        error = np.take_along_axis(cost, step[..., None], -1)[..., 0]
        rest = seen[plans, self._frame, POSITIONS:] - obs[:, None, POSITIONS:]
        self._error = KEPT * self._error + (1 - KEPT) * (error + (rest**2).sum(-1))

    def _planned(self, obs: np.ndarray, values: np.ndarray, given: np.ndarray) -> np.ndarray:
        """What the plans say, conditioned on what is given, `(B, D)`."""
        plans, joints = np.arange(len(self.config.lengths)), len(self._gains)
        seen, done = self.seen.cpu().numpy(), self.done.cpu().numpy()
        commands = done[plans, self._frame].astype(np.float64)  # (B, N, D)
        gap = seen[plans, self._frame, :joints] - obs[:, None, :joints]
        commands[..., :joints] += self._gains * gap
        weights = self.belief
        mean = np.einsum("bn,bnd->bd", weights, commands)
        around = commands - mean[:, None]
        covariance = np.einsum("bn,bnd,bne->bde", weights, around, around)
        for row, known in enumerate(given):
            if known.any() and not known.all():
                explained = covariance[row][np.ix_(known, known)] + RIDGE * np.eye(known.sum())
                off = np.linalg.solve(explained, (values[row] - mean[row])[known])
                mean[row] += covariance[row][:, known] @ off
        return np.asarray(np.clip(mean, self.low, self.high))


def _calmest(demonstrations: Demonstrations, count: int) -> Demonstrations:
    """Those in which what was done differs least from what was meant."""
    if len(demonstrations) <= count:
        return demonstrations
    off = [
        0.0 if e.executed is None else float(np.abs(e.executed - e.actions).mean())
        for e in demonstrations
    ]
    return demonstrations.select(sorted(np.argsort(off, kind="stable")[:count].tolist()))
