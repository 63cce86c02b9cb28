"""An operator that follows one demonstration, whatever the robot was pushed to."""

from __future__ import annotations

import numpy as np

from mac_control.demonstrations import Demonstrations, Episode
from mac_control.errors import InputError
from mac_control.operators.base import Operator
from mac_control.partial import PartialAction

#: Robot joint positions, the first entries of every observation of the kitchen.
POSITIONS = 9
#: The arm's joints, whose velocities are the first entries of an action; the fingers follow.
ARM_JOINTS = 7
#: Feedback of a tracker on arm joints [action units per rad] and fingers [action units per m].
GAIN, FINGER_GAIN = 5.0, 6.0


class Tracker(Operator):
    """Follows a demonstration with feedback on arm and fingers; gives all `D` dimensions.

        action = demonstrated action + gain · (demonstrated positions − positions now)

    at the demonstration's frame nearest to the robot's positions, searched from the frame of
    the last step onwards. Feedback on the fingers matters: without it, noise adds up and the
    hand drops what it holds (reward with all nine dimensions and noise of 0.05: 3.3 of 4 without,
    3.97 with it). The stubborn operator looks only a few frames ahead; one that
    resynchronises looks through all that remains, as a person would who was pushed on.

    Args:
        demonstrations: what can be followed; observations begin with 9 robot positions [rad].
        gain: feedback on the seven arm joints, in action units per rad.
        finger_gain: feedback on the fingers, in action units per metre.
        ahead: how many frames on the stubborn operator looks.
        demonstration: index of the one to follow; None draws one per episode from the seed.
        resync: look through the whole rest of the demonstration.

    Raises:
        InputError: an index out of range, a setting that is negative or not finite.

    Example:
        >>> still = Episode(np.zeros((5, 30)), np.full((5, 9), 0.1))
        >>> tracker = Tracker(Demonstrations([still]), gain=2.0, finger_gain=1.0)
        >>> tracker.reset(seed=0)
        >>> tracker.read(np.full(30, 0.25)).values[5:].astype(float).round(2).tolist()
        [-0.4, -0.4, -0.15, -0.15]
    """

    def __init__(
        self,
        demonstrations: Demonstrations,
        gain: float = GAIN,
        ahead: int = 5,
        demonstration: int | None = None,
        resync: bool = False,
        finger_gain: float = FINGER_GAIN,
    ) -> None:
        for name, value in (("gain", gain), ("finger_gain", finger_gain)):
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"{name}: expected a finite number of at least 0, got {value}")
        if ahead < 1:
            raise InputError(f"ahead: expected at least 1 frame, got {ahead}")
        if demonstration is not None and not 0 <= demonstration < len(demonstrations):
            raise InputError(
                f"demonstration: expected an index below {len(demonstrations)}, got {demonstration}"
            )
        if demonstrations.obs_dim < POSITIONS or demonstrations.action_dim < ARM_JOINTS:
            raise InputError(
                f"demonstrations: expected at least {POSITIONS} observed positions and "
                f"{ARM_JOINTS} action dimensions, got {demonstrations.obs_dim} and "
                f"{demonstrations.action_dim}"
            )
        self.demonstrations = demonstrations
        self.ahead, self.resync = ahead, resync
        # Each dimension that is a joint is fed back; an action may have fewer or more.
        gains = np.r_[np.full(ARM_JOINTS, gain), np.full(POSITIONS - ARM_JOINTS, finger_gain)]
        self._gains = gains[: demonstrations.action_dim]
        self._chosen = demonstration
        self.reset(0)

    @property
    def demonstration(self) -> int:
        """Index of the demonstration that is followed in this episode."""
        return self._demonstration

    @property
    def frame(self) -> int:
        """Frame of the demonstration that the last action came from."""
        return self._frame

    def reset(self, seed: int | None = None) -> None:
        """Start at the first frame of the chosen demonstration, or of one drawn from `seed`."""
        self._demonstration = (
            int(np.random.default_rng(seed).integers(len(self.demonstrations)))
            if self._chosen is None
            else self._chosen
        )
        self._frame = 0

    def read(self, obs: np.ndarray) -> PartialAction:
        """The action `(D,)` at the nearest frame, clipped to [-1, 1]."""
        now = np.asarray(obs, np.float64)[:POSITIONS]
        if now.shape != (POSITIONS,) or not np.isfinite(now).all():
            raise InputError(f"obs: expected {POSITIONS} finite robot positions, got {now}")
        episode: Episode = self.demonstrations[self._demonstration]
        last = len(episode) if self.resync else self._frame + self.ahead
        window = episode.observations[self._frame : last, :ARM_JOINTS]
        self._frame += int(np.argmin(np.sum((window - now[:ARM_JOINTS]) ** 2, axis=1)))
        action = episode.actions[self._frame].astype(np.float64)
        joints = len(self._gains)
        positions = episode.observations[self._frame, :joints]
        action[:joints] += self._gains * (positions - now[:joints])
        return PartialAction.everything(np.clip(action, -1.0, 1.0))
