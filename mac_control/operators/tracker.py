"""An operator that follows one demonstration, even where the robot was pushed aside."""

from __future__ import annotations

import numpy as np

from mac_control.demonstrations import Demonstrations, Episode
from mac_control.errors import InputError
from mac_control.feedback import Feedback
from mac_control.operators.base import Operator
from mac_control.partial import PartialAction


class Tracker(Operator):
    """Tracks a demonstration with feedback; gives all `D` dimensions.

        action = demonstrated action + gain · (demonstrated positions − positions now)

    at the demonstration's frame nearest to the robot's pose, searched from the frame of the last
    step onwards. The demonstrations' :class:`Robot` says which observed entry each dimension moves,
    and with what feedback; grippers get feedback but do not count as pose. The stubborn operator
    searches only a few frames ahead; one that re-synchronises (`resync`) searches the whole rest,
    as a person would after being pushed ahead.

    Args:
        demonstrations: demonstrations to track; their robot must be known.
        gain: scale of the robot's feedback gains.
        ahead: how many frames ahead the stubborn operator searches.
        demonstration: index of the one to track; None draws one per episode from the seed.
        resync: search the whole rest of the demonstration.

    Raises:
        InputError: an index out of range, a setting that is negative or not finite, or a robot
            that is unknown or has no observed positions.

    Example:
        >>> from mac_control.robot import ActionDim, Robot
        >>> arm = Robot("arm", (ActionDim("j", kind="joint_velocity", position=0, gain=2.0),))
        >>> still = Episode(np.zeros((5, 1)), np.full((5, 1), 0.1))
        >>> tracker = Tracker(Demonstrations([still], robot=arm))
        >>> tracker.reset(seed=0)
        >>> tracker.read(np.array([0.25])).values.round(2).tolist()
        [-0.4000000059604645]
    """

    def __init__(
        self,
        demonstrations: Demonstrations,
        gain: float = 1.0,
        ahead: int = 5,
        demonstration: int | None = None,
        resync: bool = False,
    ) -> None:
        if not (np.isfinite(gain) and gain >= 0):
            raise InputError(f"gain: expected a finite number of at least 0, got {gain}")
        if ahead < 1:
            raise InputError(f"ahead: expected at least 1 frame, got {ahead}")
        if demonstration is not None and not 0 <= demonstration < len(demonstrations):
            raise InputError(
                f"demonstration: expected an index below {len(demonstrations)}, got {demonstration}"
            )
        self._feedback = Feedback.of(demonstrations.robot, "tracker")
        assert demonstrations.robot is not None
        demonstrations.robot.expect(demonstrations.obs_dim, demonstrations.action_dim)
        self.demonstrations = demonstrations
        self.ahead, self.resync = ahead, resync
        self._box = demonstrations.robot.low, demonstrations.robot.high
        self._gains = gain * self._feedback.gains
        self._pose = self._feedback.entries[self._feedback.pose]
        self._chosen = demonstration
        self.episode: Episode  # the one being tracked
        self.reset(0)

    @property
    def demonstration(self) -> int:
        """Index of the demonstration tracked in this episode."""
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
        self.episode = self.demonstrations[self._demonstration]
        self._frame = 0

    def read(self, obs: np.ndarray) -> PartialAction:
        """The action `(D,)` at the nearest frame, within the robot's action box."""
        now, entries = np.asarray(obs, np.float64), self._feedback.entries
        if now.shape != (self.demonstrations.obs_dim,) or not np.isfinite(now[entries]).all():
            raise InputError(
                f"obs: expected shape ({self.demonstrations.obs_dim},) with finite positions, "
                f"got {now.shape}: {now!s:.60}"
            )
        episode = self.episode
        last = len(episode) if self.resync else self._frame + self.ahead
        window = episode.observations[self._frame : last][:, self._pose]
        self._frame += int(np.argmin(np.sum((window - now[self._pose]) ** 2, axis=1)))
        action = episode.actions[self._frame].astype(np.float64)
        positions = episode.observations[self._frame][entries]
        action[self._feedback.dims] += self._gains * (positions - now[entries])
        return PartialAction.everything(np.clip(action, *self._box))
