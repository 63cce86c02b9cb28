"""Policies: each answers `act(obs, partial) -> action`."""

from mac_control.policies.base import Policy
from mac_control.policies.learned import LearnedPolicy
from mac_control.policies.mac import MacConfig, MacPolicy

__all__ = ["LearnedPolicy", "MacConfig", "MacPolicy", "Policy"]
