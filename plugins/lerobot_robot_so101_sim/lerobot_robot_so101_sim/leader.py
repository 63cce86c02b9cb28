"""The leader, with motors and a simulated hand."""

from __future__ import annotations

import math
import time
from functools import cached_property
from typing import Any

from lerobot.teleoperators import Teleoperator
from lerobot.teleoperators.utils import TeleopEvents

from .arm import JOINTS, Arm
from .config import SO101SimLeaderConfig
from .simulated import Simulated


class SO101SimLeader(Simulated, Teleoperator):
    """An arm that a hand moves; in joints without a hand, weak motors follow the robot.

    `get_teleop_events` reports whether a hand holds it, and whether an event was pressed.
    """

    config_class = SO101SimLeaderConfig
    name = "so101_sim_leader"

    def __init__(self, config: SO101SimLeaderConfig) -> None:
        super().__init__(config)
        self.config = config
        self.clock = time.monotonic
        self._pressed: set[TeleopEvents] = set()

    @cached_property
    def action_features(self) -> dict[str, type]:
        return {f"{joint}.pos": float for joint in JOINTS}

    @cached_property
    def feedback_features(self) -> dict[str, type]:
        return self.action_features if self.config.motors else {}

    def connect(self, calibrate: bool = True) -> None:
        self.arm = Arm(stiffness=0.5)
        self.arm.driven[:] = False
        self._began = self._now = self.clock()
        unknown = set(filter(None, self.config.holds.split("+"))) - set(JOINTS)
        if unknown:
            raise ValueError(f"holds: expected some of {', '.join(JOINTS)}, got {unknown}")

    def hold(self, **joints: float) -> None:
        """Pull these joints to their targets, and let go of all others."""
        self._connected().hand = joints

    def press(self, event: TeleopEvents) -> None:
        """Press the button of an event, once."""
        self._pressed.add(event)

    def get_action(self) -> dict[str, float]:
        arm = self._connected()
        now = self.clock()
        for joint in filter(None, self.config.holds.split("+")):
            phase = 2 * math.pi * (now - self._began) / self.config.period
            low, high = arm.range(joint)
            middle = (low + high) / 2 if joint == "gripper" else 0.0
            arm.hand[joint] = middle + self.config.swing * math.sin(phase)
        passed, self._now = min(now - self._now, 0.1), now
        if passed > 0:
            arm.advance(passed)
        return {f"{joint}.pos": x for joint, x in arm.positions().items()}

    def get_teleop_events(self) -> dict[TeleopEvents, bool]:
        pressed, self._pressed = self._pressed, set()
        return {
            TeleopEvents.IS_INTERVENTION: bool(self._connected().hand),
            **{
                event: event in pressed for event in TeleopEvents if event.name != "IS_INTERVENTION"
            },
        }

    def send_feedback(self, feedback: dict[str, Any]) -> None:
        """Drive the joints that are named; let go of all others."""
        if not self.config.motors:
            raise NotImplementedError("this leader has no motors")
        arm = self._connected()
        goal = {key.removesuffix(".pos"): float(x) for key, x in feedback.items()}
        arm.driven[:] = [joint in goal for joint in JOINTS]
        arm.aim(goal)
