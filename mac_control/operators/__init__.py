"""Operators: whoever or whatever supplies some of the action dimensions."""

from mac_control.operators.base import Operator
from mac_control.operators.nobody import Nobody

__all__ = ["Nobody", "Operator"]
