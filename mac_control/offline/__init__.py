"""Evaluation on recorded data alone: what is filled in against what was done, no robot needed."""

from mac_control.offline.cases import Case, default_cases
from mac_control.offline.rate import rate

__all__ = ["Case", "default_cases", "rate"]
