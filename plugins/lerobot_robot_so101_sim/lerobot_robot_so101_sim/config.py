"""What can be chosen about the simulated arm and its leader."""

from dataclasses import dataclass

from lerobot.robots.config import RobotConfig
from lerobot.teleoperators.config import TeleoperatorConfig


@RobotConfig.register_subclass("so101_sim")
@dataclass(kw_only=True)
class SO101SimConfig(RobotConfig):
    """The follower.

    Args:
        fps: actions per second; each moves the simulation on by that much.
        max_relative_target: as of LeRobot's SO-101: furthest from the present position [deg].
    """

    fps: float = 30.0
    max_relative_target: float | None = None


@TeleoperatorConfig.register_subclass("so101_sim_leader")
@dataclass(kw_only=True)
class SO101SimLeaderConfig(TeleoperatorConfig):
    """The leader, and a simulated hand that holds it.

    Args:
        motors: whether it can be driven (`send_feedback`).
        holds: joints that the hand swings to and fro, with + between them.
        swing: how far [deg].
        period: of the swing [s].
    """

    motors: bool = True
    holds: str = ""
    swing: float = 20.0
    period: float = 4.0
