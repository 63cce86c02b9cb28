"""Operators: people or programs that give some of the action dimensions."""

from mac_control.operators.base import Operator
from mac_control.operators.make import make_operator, operator_names
from mac_control.operators.nobody import Nobody
from mac_control.operators.proxy import Proxy
from mac_control.operators.restricted import Restricted
from mac_control.operators.wrapper import OperatorWrapper

__all__ = [
    "Nobody",
    "Operator",
    "OperatorWrapper",
    "Proxy",
    "Restricted",
    "make_operator",
    "operator_names",
]
