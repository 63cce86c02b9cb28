"""Options of the simulated arm and its leader."""

from dataclasses import dataclass

from lerobot.robots.config import RobotConfig
from lerobot.teleoperators.config import TeleoperatorConfig


@RobotConfig.register_subclass("so101_sim")
@dataclass(kw_only=True)
class SO101SimConfig(RobotConfig):
    """The follower.

    Args:
        fps: actions per second; each action advances the simulation by one period.
        max_relative_target: as in LeRobot's SO-101: largest distance from the current position
            [deg].
    """

    fps: float = 30.0
    max_relative_target: float | None = None


@TeleoperatorConfig.register_subclass("so101_sim_leader")
@dataclass(kw_only=True)
class SO101SimLeaderConfig(TeleoperatorConfig):
    """The leader, and a simulated hand that holds it.

    Args:
        motors: whether it can be driven (`send_feedback`).
        holds: joints that the hand swings to and fro, joined by +.
        swing: amplitude [deg].
        period: period of the swing [s].
    """

    motors: bool = True
    holds: str = ""
    swing: float = 20.0
    period: float = 4.0
