"""Keeps the actions that the loop sends within the robot's limits."""

from __future__ import annotations

import numpy as np

from mac_control.dimension import ActionDim
from mac_control.limits import Limits
from mac_control.robot import Robot
from mac_control.teleop.braking import Bounds, braking, extremes
from mac_control.teleop.jog import latched, measured

# ruckig plans to each target anew: it changed a slow sine within all limits by 5 % of its
# amplitude, and with target velocities left the box [-1, 1] in 200 random sequences by up to 0.13.
# It has no position ranges.

#: Number of candidates where the requested action would break a limit.
CANDIDATES = 13


class Limiter:
    """Sends what a robot's limits allow of each requested action.

    The first, second and third differences of the actions sent are bounded (velocity, acceleration,
    jerk), and from each it is always possible to come to rest, within these bounds,
    before the end of the range. Each period the way to rest is computed; its first step is
    sent where nothing else keeps the limits, so that there is always something to send.

    An action that keeps the limits is sent unchanged. For any other, the nearest one is sent that
    can still stop before the requested value: targets are approached without overshoot.

    Args:
        robot: the robot that is driven.
        limits: the limits to keep.
        rate: control steps per second [Hz].

    Raises:
        InputError: limits of dimensions that the robot does not have.

    Example:
        >>> arm = Robot("arm", (ActionDim("elbow", -1, 1, "joint_position", "rad", position=0),))
        >>> limiter = Limiter(arm, Limits(velocity=1.0, acceleration=4.0), rate=10.0)
        >>> limiter.reset(np.zeros(1))
        >>> [round(float(limiter.send(np.ones(1))[0]), 2) for _ in range(4)]
        [0.04, 0.12, 0.22, 0.32]
        >>> limiter.reasons
        ('elbow: velocity', 'elbow: acceleration')
    """

    def __init__(self, robot: Robot, limits: Limits, rate: float) -> None:
        self.robot, self.limits, self.rate = robot, limits, rate
        self.latched = latched(robot)
        spans = [_spans(a, robot, limits, d, 1 / rate) for d, a in enumerate(robot.actions)]
        self.low, self.high, speed, change, jerk = np.array(spans, float).T
        self._box = robot.low.astype(float), robot.high.astype(float)
        width = self.high - self.low
        # Differences beyond these are not possible within the range: they stand for no limit.
        self.bounds = Bounds(*(np.minimum(x, 8 * width) for x in (speed, change, jerk)))
        self._names = [
            ["velocity", "acceleration", "jerk"]
            if not a.is_rate
            else ["acceleration", "jerk", "jerk"]
            for a in robot.actions
        ]
        self.step = limits.of(robot, "step")
        seen = np.array([a.is_target and a.position is not None for a in robot.actions])
        self.step[~seen] = np.inf
        self._stall = np.where(seen, limits.of(robot, "stall_error"), np.inf)
        # Error of the requested differences from rounding to single precision.
        self._tolerance = 5e-7 * np.maximum(np.abs(self.low), np.abs(self.high))
        self.reasons: tuple[str, ...] = ()
        self.reset(np.zeros(robot.action_dim))

    def reset(self, at: np.ndarray) -> None:
        """Start with the robot at rest at the action `at` `(D,)`."""
        self.last = np.clip(np.asarray(at, float), self.low, self.high)
        self.speed, self.change = np.zeros((2, len(self.last)))
        self._asked = np.tile(self.last, (3, 1))
        self._exact = np.ones(len(self.last), bool)
        self._away = np.zeros(len(self.last))  # how long each joint has lagged [s]
        self.reasons = ()

    @property
    def moving(self) -> bool:
        """Whether position targets are moving, or velocities are not 0."""
        rest = np.clip(0.0, self.low, self.high)
        off = np.where(self.latched, self.speed, self.last - rest)
        return bool((np.abs(off) > 1e-6 * (self.high - self.low)).any())

    def send(
        self, asked: np.ndarray, obs: np.ndarray | None = None, hold: np.ndarray | None = None
    ) -> np.ndarray:
        """The action to send for `asked` `(D,)`, float32; `reasons` say why it differs.

        Args:
            asked: the requested action, within the box.
            obs: observation, for limits that need the joints' positions.
            hold: position targets that are to come to rest, anywhere, `(D,)`.
        """
        where = np.full(len(self.last), np.nan) if obs is None else measured(self.robot, obs)
        wanted = np.asarray(asked, float)
        hold = np.zeros(len(self.last), bool) if hold is None else hold & self.latched
        keep, broken = self._keep(wanted, where, hold)
        self.reasons = tuple(
            f"{self.robot.labels[d]}: {why}" for why, dims in broken.items() for d in dims
        )
        if self.limits.on_violation == "pass":
            keep = np.clip(wanted, *self._box)
        elif self.limits.on_violation == "reject" and self.reasons:
            rest = np.where(self.latched, self.last, np.clip(0.0, self.low, self.high))
            keep, _ = self._keep(rest, where, self.latched)
        speed = keep - self.last
        self.change, self.speed, self.last = speed - self.speed, speed, keep
        self._asked = np.vstack([self._asked[1:], wanted])
        self._exact = keep.astype(np.float32) == wanted.astype(np.float32)
        return keep.astype(np.float32)

    def stalled(self, obs: np.ndarray) -> np.ndarray:
        """Joints that have lagged for too long, `(D,)`; call it once a period."""
        away = np.abs(self.last - measured(self.robot, obs)) > self._stall
        self._away = np.where(away, self._away + 1 / self.rate, 0.0)
        return self._away > self.limits.stall_time

    def forgive(self) -> None:
        """Restart the detection of joints that do not follow."""
        self._away[:] = 0.0

    def _keep(
        self, asked: np.ndarray, where: np.ndarray, hold: np.ndarray
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The action to send, `(D,)`, and the dimensions of each limit that `asked` breaks."""
        low, high, goal = self._range(asked, where)
        slow = braking(self.speed, self.change, self.bounds)
        least, most = self._reach(slow)
        # The second difference that reaches the goal at once, where possible.
        direct = np.clip(goal - self.last - self.speed, least, most)
        over = self._excess(goal)
        stops, passes = (x[0] for x in self._ahead(direct[None], goal, low, high))
        within = ~over.any(axis=0) & stops
        # Commands within the limits are tracked, and must not be overshot.
        ok = ~hold & within & (self._exact | ~passes)
        # A command for the current position means stop.
        rest = ~ok & (hold | (asked.astype(np.float32) == self.last.astype(np.float32)))
        change = slow
        if not (ok | rest).all():
            change = np.where(rest, slow, self._nearest(goal, low, high, slow, direct))
        names = np.array(self._names).T  # (3, D)
        broken = {
            name: np.flatnonzero((over & (names == name)).any(axis=0) & ~rest)
            for name in ("velocity", "acceleration", "jerk")
        }
        inside = np.clip(asked, self.low, self.high)  # of a velocity, its limit narrows the range
        fast = np.abs(np.clip(asked, *self._box) - inside) > self._tolerance
        broken["velocity"] = np.union1d(broken["velocity"], np.flatnonzero(fast & ~rest))
        broken["step"] = np.flatnonzero((goal != inside) & ~rest)
        broken["end of range"] = np.flatnonzero(~over.any(axis=0) & ~stops & ~rest)
        sent = np.where(ok, goal, self.last + self.speed + change)
        return np.clip(sent, self.low, self.high), broken

    def _range(
        self, asked: np.ndarray, where: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ends of the reachable range, and its value nearest to `asked`, `(D,)` each."""
        step = np.where(np.isnan(where), np.inf, self.step)  # NaN: position unknown
        near = np.clip(np.nan_to_num(where), self.low, self.high)
        low, high = np.maximum(self.low, near - step), np.minimum(self.high, near + step)
        goal = np.clip(asked, low, high)
        # A value already outside, because the joint was moved, may only come back.
        return np.minimum(low, self.last), np.maximum(high, self.last), goal

    def _excess(self, goal: np.ndarray) -> np.ndarray:
        """Which differences `goal` would break, `(3, D)`."""
        speed = goal - self.last
        change = speed - self.speed
        found = np.abs([speed, change, change - self.change])
        bounds = np.array([self.bounds.speed, self.bounds.change, self.bounds.jerk])
        over: np.ndarray = found > bounds * (1 + 1e-9) + self._tolerance
        return over

    def _ahead(
        self, change: np.ndarray, goal: np.ndarray, low: np.ndarray, high: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Outcome of second differences `(K, D)`, each followed by the shortest way to rest.

        Returns whether it comes to rest within the range, and whether it overshoots the goal, which
        is assumed to move on at its last speed.
        """
        speed, drift, slack = self.speed + change, self._drift(goal), self._tolerance
        at = self.last + speed
        lowest, highest, fastest, rests = extremes(  # relative to the range, and to the goal
            np.array([at, at - goal]), np.array([speed, speed - drift]), change, self.bounds
        )
        # On the way to rest, rounding errors of the speed add up each period.
        inside = (lowest[0] >= low - 4 * slack) & (highest[0] <= high + 4 * slack) & rests[0]
        stops = inside & (fastest[0] <= self.bounds.speed * (1 + 1e-9) + slack)
        behind = self.last - (goal - drift) <= 0
        return stops, np.where(behind, highest[1] > slack, lowest[1] < -slack)

    def _drift(self, goal: np.ndarray) -> np.ndarray:
        """How fast the requested action moves: the smaller of its last two differences, or 0."""
        first, second = self._asked[2] - self._asked[1], goal - self._asked[2]
        slower = np.where(np.abs(first) < np.abs(second), first, second)
        drift = np.where(first * second > 0, slower, 0.0)
        return np.clip(drift, -self.bounds.speed, self.bounds.speed)

    def _reach(self, slow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest second difference that the bounds allow now, `(D,)` each."""
        bounds = self.bounds
        least = np.maximum(-bounds.change, self.change - bounds.jerk)
        most = np.minimum(bounds.change, self.change + bounds.jerk)
        least = np.maximum(least, -bounds.speed - self.speed)
        most = np.minimum(most, bounds.speed - self.speed)
        return np.minimum(least, slow), np.maximum(most, slow)

    def _nearest(
        self,
        goal: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        slow: np.ndarray,
        direct: np.ndarray,
    ) -> np.ndarray:
        """The second difference that leads nearest to `goal` and keeps the limits, `(D,)`."""
        least, most = self._reach(slow)
        match = braking(self.speed - self._drift(goal), self.change, self.bounds)
        match = np.clip(match, least, most)
        share = np.linspace(0, 1, CANDIDATES)[:, None]
        some = np.vstack([slow, match, direct, least + share * (most - least)])  # (K, D)
        fine, passes = self._ahead(some, goal, low, high)
        gentle = fine & ~passes
        distance = np.abs(self.last + self.speed + some - goal)
        follows = np.where(gentle, distance, np.inf)
        # Past the goal already: return as fast as possible to where it can be tracked.
        returns = np.where(fine, np.abs(some - match), np.inf)
        cost = np.where(gentle.any(axis=0), follows, returns)
        best = cost.argmin(axis=0)
        found = some[best, np.arange(len(slow))]
        return np.where(np.isfinite(cost.min(axis=0)), found, slow)


def _spans(
    action: ActionDim, robot: Robot, limits: Limits, dim: int, period: float
) -> tuple[float, float, float, float, float]:
    """Ends of the range, and the largest first, second and third differences per period."""
    v, a, j = (limits.of(robot, name)[dim] for name in ("velocity", "acceleration", "jerk"))
    if not action.is_rate:
        return action.low, action.high, v * period, a * period**2, j * period**3
    unit = 1 / period if action.kind == "ee_delta" else 1.0  # velocity of an action of 1
    rest = min(max(0.0, action.low), action.high)
    low, high = max(action.low, -v / unit), min(action.high, v / unit)
    return min(low, rest), max(high, rest), a * period / unit, j * period**2 / unit, np.inf
