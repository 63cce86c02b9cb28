"""Benchmark suites: each a small file that says which policies, operators and data it compares."""

from mac_control.suites.ablation import ABLATION
from mac_control.suites.degraded import DEGRADED
from mac_control.suites.dial import DIAL
from mac_control.suites.hand import HAND, HAND_RELOCATE, HAND_ROBUST, HAND_TUNED
from mac_control.suites.partial import PARTIAL
from mac_control.suites.private_goal import PRIVATE_GOAL
from mac_control.suites.published import PUBLISHED, PUBLISHED_CORRECTED
from mac_control.suites.replan import REPLAN
from mac_control.suites.suite import Block, PolicySpec, Size, Suite

SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        PUBLISHED,
        PUBLISHED_CORRECTED,
        PARTIAL,
        REPLAN,
        PRIVATE_GOAL,
        DEGRADED,
        DIAL,
        ABLATION,
        HAND,
        HAND_TUNED,
        HAND_ROBUST,
        HAND_RELOCATE,
    )
}

__all__ = ["SUITES", "Block", "PolicySpec", "Size", "Suite"]
