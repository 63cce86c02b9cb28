"""Hand-over of dimensions without a jump."""

from __future__ import annotations

import numpy as np

from mac_control.errors import InputError


class BumplessTransfer:
    """Bounds the change per step of a dimension that has changed hands, until it has caught up.

    While dimension d is in transition, what is sent changes by at most `share` of the width of
    its box per step; it is between the last value sent and the requested one, so never outside
    the box. A dimension that stays in the same hands is not touched.

    Args:
        low, high: ends of the action box, `(D,)`.
        share: in (0, 1].
        latched: `(D,)` dimensions that hold still at their last value, such as position targets;
            the others hold still at 0, or at the nearest value in the box. Default: none.

    Example:
        >>> transfer = BumplessTransfer(np.float32([-1]), np.float32([1]), share=0.25)
        >>> [transfer.send(np.float32([1]), np.array([True])).tolist() for _ in range(3)]
        [[0.5], [1.0], [1.0]]
    """

    def __init__(
        self, low: np.ndarray, high: np.ndarray, share: float, latched: np.ndarray | None = None
    ) -> None:
        if not 0 < share <= 1:
            raise InputError(f"ramp: expected a share in (0, 1], got {share}")
        self.latched = np.zeros(len(low), bool) if latched is None else latched
        self.low, self.high = low, high
        self.most = share * (high - low)
        self.reset()

    @property
    def rest(self) -> np.ndarray:
        """The action that holds still now, `(D,)`."""
        zero = np.clip(np.zeros_like(self.low), self.low, self.high)
        return np.where(self.latched, self.last, zero).astype(np.float32)

    def reset(self, start: np.ndarray | None = None) -> None:
        """Start an episode at `start` `(D,)`, by default 0; every dimension is the policy's."""
        start = np.zeros_like(self.low) if start is None else start
        self.last = np.clip(start, self.low, self.high)
        self.hands = np.zeros(len(self.low), int)
        self.moving = np.zeros(len(self.low), bool)

    def restart(self, rest: bool = True) -> None:
        """Put every dimension in transition; from `rest` after a stop, or from where it is."""
        if rest:
            self.last = self.rest
        self.moving[:] = True

    def limit(self, asked: np.ndarray, hands: np.ndarray) -> np.ndarray:
        """The part of `asked` `(D,)` that may be sent now; changes no state.

        `hands` `(D,)` say who has each dimension: a mask of the given ones, or 0 for the policy and
        a number for each device.
        """
        near = np.clip(asked, self.last - self.most, self.last + self.most)
        return np.where(self.moving | (hands != self.hands), near, asked).astype(np.float32)

    def send(self, asked: np.ndarray, hands: np.ndarray) -> np.ndarray:
        """The action to send for `asked` `(D,)`; a dimension that reaches it has caught up."""
        action = self.limit(asked, hands)
        self.moving = (self.moving | (hands != self.hands)) & (action != asked)
        self.last, self.hands = action, np.array(hands, int)
        return action
