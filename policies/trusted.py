"""Trust: how exactly an operator is obeyed, as a standard deviation of the commands."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.base import Policy, full_name
from mac_control.policies.revising import Revising

#: Share of the estimate of an operator's deviation that is kept per step: half of its weight is on
#: the last half second.
KEPT = 0.9


class Trusted(Revising):
    """A wrapper that sets a standard deviation for each command.

    A subclass writes `deviations`. A command keeps the deviation it came with where that is wider.

    Args:
        policy: one that weighs commands by their deviation: `mac`, `mixture_bc`, and retrieval
            or intents around these.

    Raises:
        InputError: a policy that does not weigh commands.
    """

    weighs = True

    def __init__(self, policy: Policy) -> None:
        if not policy.weighs:
            raise InputError(
                "policy: expected one that weighs commands, such as mac or mixture_bc, "
                f"got {full_name(policy)}"
            )
        super().__init__(policy)

    @abstractmethod
    def deviations(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """Standard deviation of each command `(B, D)` in action units; called once per step."""

    def revised(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        std = self.deviations(obs, partial)
        if partial.std is not None:
            std = np.maximum(std, partial.std)
        return self.policy.act(obs, partial.soften(std))


class Dial(Trusted):
    """The same deviation for every command.

    Args:
        policy: as for :class:`Trusted`.
        std: in action units, one for all or `(D,)`; 0 obeys bit for bit, infinity leaves
            everything to the policy.

    Example:
        >>> from mac_control.policies import MacConfig, MacPolicy
        >>> box, obs = np.ones(9), np.zeros(30)
        >>> policy = MacPolicy(MacConfig(), obs, obs + 1, -box, box)
        >>> mine = PartialAction.of({0: 0.9}, 9)
        >>> [bool(Dial(policy, std).act(obs, mine)[0] == np.float32(0.9)) for std in (0, 0.5)]
        [True, False]
    """

    def __init__(self, policy: Policy, std: ArrayLike) -> None:
        super().__init__(policy)
        self.std = np.asarray(std, np.float32)
        if self.std.shape not in ((), (self.action_dim,)) or not (self.std >= 0).all():
            raise InputError(f"trust: expected a standard deviation from 0 on, or inf, got {std!r}")

    def deviations(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        return np.broadcast_to(self.std, partial.values.shape)


class Adaptive(Trusted):
    """Estimates the deviation of commands while driving, each dimension by itself.

        v_i <- 0.9 v_i + 0.1 ((u_i - m_i)² - σ_i²),   s_i = gain √v_i if v_i ≥ z² σ_i², else 0

    where m is what the policy would do alone and σ its own spread: what a command deviates beyond
    that is attributed to the operator. An operator whose commands the policy expects is obeyed bit
    for bit; commands of a shaky, late or lost one are drawn toward what is likely; one that is
    silent for a while is trusted again. An operator whose plan is not the robot's is trusted no
    more than one who is wrong.

    Args:
        policy: as for :class:`Trusted`; one that can say what it would do alone.
        gain: factor on the deviation; below 1 obeys the operator more, above 1 less.
        z: how many of the policy's own standard deviations commands may be off and still be obeyed
            bit for bit.

    Raises:
        InputError: a policy that cannot, or a gain or z that is not a finite number from 0 on.

    Example:
        >>> from mac_control.policies import MacConfig, MacPolicy
        >>> box, obs = np.ones(9), np.zeros(30)
        >>> policy = MacPolicy(MacConfig(), obs, obs + 1, -box, box)
        >>> mine = PartialAction.of({0: 0.9}, 9)
        >>> [bool(Adaptive(policy, z=z).act(obs, mine)[0] == np.float32(0.9)) for z in (0, 99)]
        [False, True]
    """

    def __init__(self, policy: Policy, gain: float = 1.0, z: float = 0.0) -> None:
        super().__init__(policy)
        self.gain, self.z, self.stateful = gain, z, True
        for name, value in (("gain", gain), ("z", z)):
            if not 0 <= value < float("inf"):
                raise InputError(
                    f"trust: adaptive: {name}: expected a number from 0 on, got {value}"
                )
        probe = np.zeros((1, policy.obs_dim), np.float32)
        if policy.uncertainty(probe, PartialAction.nothing(1, policy.action_dim)) is None:
            raise InputError(
                "policy: expected one that knows its own spread, such as mac, got "
                f"{full_name(policy)}"
            )
        policy.autonomous_action(probe)
        self._excess = np.zeros((0, self.action_dim))

    def reset(self, seed: int | None = None) -> None:
        super().reset(seed)
        self._excess = np.zeros((0, self.action_dim))

    def deviations(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        if len(self._excess) != len(obs):
            self._excess = np.zeros(partial.values.shape)
        nothing = PartialAction.nothing(*partial.values.shape)
        spread = self.policy.uncertainty(obs, nothing)
        assert spread is not None  # as the constructor found
        off = partial.values - self.policy.autonomous_action(obs)
        excess = np.where(partial.given, off**2 - spread**2, 0.0)
        self._excess = KEPT * self._excess + (1 - KEPT) * excess
        std = (self.gain * np.sqrt(np.maximum(self._excess, 0))).astype(np.float32)
        std[self._excess < (self.z * spread) ** 2] = 0.0
        return std

    def nobody_drives(self) -> None:
        self._excess = KEPT * self._excess


def trusting(policy: Policy, trust: str | float | np.ndarray | None) -> Policy:
    """`policy`, wrapped so that commands are weighed as `trust` says.

    Args:
        policy: any; more than exact obedience needs one that weighs commands.
        trust: None obeys bit for bit. A number, or an array `(D,)`, is a standard deviation in
            action units (:class:`Dial`), `"adaptive"` is :class:`Adaptive`, `"adaptive=2"` with
            this gain, `"adaptive:z=3"` with this z. `"z=2"` obeys all or nothing
            (:class:`mac_control.policies.arbitrated.Arbitrated`). Published methods, for
            comparison, are `"blend=0.5"`, `"agree=0.5"` and `"noise=0.4"`, see
            :mod:`mac_control.policies.peers`.

    Raises:
        InputError: any other `trust`, or a policy that does not support it.

    Example:
        >>> from mac_control.policies.mixture_bc import MixtureBC
        >>> box = np.ones(2)
        >>> policy = MixtureBC(MixtureBC.Config(width=8), np.zeros(3), np.ones(3), -box, box)
        >>> [type(trusting(policy, t)).__name__ for t in (None, 0.1, "0.1", "blend=0.5")]
        ['MixtureBC', 'Dial', 'Dial', 'Blended']
    """
    from mac_control.policies.arbitrated import Arbitrated
    from mac_control.policies.peers import Agreeing, Blended, Noised

    if trust is None:
        return policy
    if isinstance(trust, np.ndarray):
        return Dial(policy, trust)
    text = str(trust)
    ways: dict[str, Any] = {"z": Arbitrated, "blend": Blended, "agree": Agreeing, "noise": Noised}
    name, _, value = text.partition("=")
    try:
        if name.partition(":")[0] == "adaptive":
            return Adaptive(policy, **_options(text))
        way, number = ways[name] if "=" in text else Dial, float(value or text)
    except InputError:
        raise
    except (ValueError, KeyError) as error:
        raise InputError(
            "trust: expected a standard deviation such as 0.1, adaptive, adaptive:z=3, z=2, "
            f"blend=0.5, agree=0.5 or noise=0.4, got {text!r}"
        ) from error
    made: Policy = way(policy, number)
    return made


def _options(text: str) -> dict[str, float]:
    """Options of `adaptive=GAIN` or `adaptive:gain=GAIN:z=Z`, both optional; others: KeyError."""
    parts = [part.split("=") for part in text.replace("adaptive=", "adaptive:gain=").split(":")[1:]]
    found = {name: float(value) for name, value in parts}
    if len(found) < len(parts) or found.keys() - {"gain", "z"}:
        raise KeyError(text)
    return found
