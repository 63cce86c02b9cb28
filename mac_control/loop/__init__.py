"""The shared-autonomy loop: rollouts, evaluation, reports."""

from typing import TYPE_CHECKING

from mac_control.lazy import lazily

if TYPE_CHECKING:
    from mac_control.loop.evaluation import evaluate
    from mac_control.loop.rollouts import rollout, rollout_group
    from mac_control.loop.statistics import bootstrap_interval
    from mac_control.loop.trajectory import Trajectory

__getattr__ = lazily(
    __name__,
    {
        "Trajectory": "trajectory",
        "bootstrap_interval": "statistics",
        "evaluate": "evaluation",
        "rollout": "rollouts",
        "rollout_group": "rollouts",
    },
)

__all__ = ["Trajectory", "bootstrap_interval", "evaluate", "rollout", "rollout_group"]
