"""Plain teleoperation: an operator that gives every dimension."""

from __future__ import annotations

from mac_control.demonstrations import Demonstrations
from mac_control.errors import InputError
from mac_control.operators.base import Operator
from mac_control.operators.proxy import Proxy
from mac_control.policies.base import Policy


def everything(
    policy: Policy | None = None, demonstrations: Demonstrations | None = None
) -> Operator:
    """An operator that gives all dimensions: a tracker of demonstrations, else a policy.

    Raises:
        InputError: neither is given.
    """
    if demonstrations is not None:
        from mac_control.operators.tracker import Tracker

        return Tracker(demonstrations)
    if policy is None:
        raise InputError("operator 'everything': expected demonstrations or a policy, got neither")
    return Proxy(policy)
