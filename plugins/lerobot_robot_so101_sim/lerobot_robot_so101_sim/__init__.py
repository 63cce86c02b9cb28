"""An SO-101 arm and its leader in MuJoCo, behind LeRobot's own classes."""

from .config import SO101SimConfig, SO101SimLeaderConfig
from .leader import SO101SimLeader
from .robot import SO101Sim

__all__ = ["SO101Sim", "SO101SimConfig", "SO101SimLeader", "SO101SimLeaderConfig"]
