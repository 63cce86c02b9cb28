"""The shared-autonomy loop: rollouts, evaluation, reports."""

from mac_control.loop.evaluation import evaluate
from mac_control.loop.rollouts import rollout, rollout_group
from mac_control.loop.statistics import bootstrap_interval
from mac_control.loop.trajectory import Trajectory

__all__ = ["Trajectory", "bootstrap_interval", "evaluate", "rollout", "rollout_group"]
