"""The follower."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from lerobot.robots import Robot
from lerobot.robots.utils import ensure_safe_goal_position

from .arm import JOINTS, Arm
from .config import SO101SimConfig
from .simulated import Simulated


class SO101Sim(Simulated, Robot):
    """An arm that advances by one period with every action."""

    config_class = SO101SimConfig
    name = "so101_sim"

    def __init__(self, config: SO101SimConfig) -> None:
        super().__init__(config)
        self.config = config
        self.cameras: dict[str, Any] = {}

    @cached_property
    def observation_features(self) -> dict[str, type]:
        return {f"{joint}.pos": float for joint in JOINTS}

    @cached_property
    def action_features(self) -> dict[str, type]:
        return {f"{joint}.pos": float for joint in JOINTS}

    def connect(self, calibrate: bool = True) -> None:
        self.arm = Arm()

    def get_observation(self) -> dict[str, float]:
        return {f"{joint}.pos": x for joint, x in self._connected().positions().items()}

    def send_action(self, action: dict[str, float]) -> dict[str, float]:
        arm = self._connected()
        goal = {key.removesuffix(".pos"): float(x) for key, x in action.items()}
        if self.config.max_relative_target is not None:
            now = arm.positions()
            goal = ensure_safe_goal_position(
                {joint: (x, now[joint]) for joint, x in goal.items()},
                float(self.config.max_relative_target),
            )
        arm.aim(goal)
        arm.advance(1 / self.config.fps)
        return {f"{joint}.pos": x for joint, x in goal.items()}
