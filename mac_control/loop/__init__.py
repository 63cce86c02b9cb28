"""The shared-autonomy loop: rollouts, evaluation, reports."""

from mac_control.loop.rollouts import rollout, rollout_group
from mac_control.loop.trajectory import Trajectory

__all__ = ["Trajectory", "rollout", "rollout_group"]
