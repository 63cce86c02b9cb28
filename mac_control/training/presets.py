"""Training settings of each policy, for a quick look (`demo`) and for results (`full`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mac_control.errors import InputError
from mac_control.policies import policy_class
from mac_control.training.config import TrainConfig

#: `demo` trains each policy in about two minutes on one core, `full` in at most ten.
SCALES = ("demo", "full")


def preset(name: str, scale: str = "full", **changes: Any) -> TrainConfig:
    """Training settings of the policy of this name; changes that are None are left out.

    Raises:
        InputError: an unknown policy or scale, or a change that does not fit.

    Example:
        >>> preset("bc", "demo", lr=None, batch_size=32).batch_size
        32
    """
    if scale not in SCALES:
        raise InputError(f"scale: expected one of {', '.join(SCALES)}, got {scale!r}")
    config = TrainConfig(**policy_class(name).presets[scale])
    return replace(config, **{k: v for k, v in changes.items() if v is not None})
