"""Policies: each answers `act(obs, partial) -> action`."""

from mac_control.policies.base import Policy
from mac_control.policies.learned import LearnedPolicy

__all__ = ["LearnedPolicy", "Policy"]
