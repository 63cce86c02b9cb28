"""How long and how fast each policy is trained, for a quick look and for a result."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mac_control.errors import InputError
from mac_control.training.config import TrainConfig

#: `demo` trains each policy in about two minutes on one core, `full` in at most ten.
SCALES = ("demo", "full")

_PRESETS: dict[str, dict[str, TrainConfig]] = {
    "bc": {"demo": TrainConfig(steps=6000), "full": TrainConfig(steps=20000)},
    "diffusion": {
        "demo": TrainConfig(steps=30000, batch_size=128),
        "full": TrainConfig(steps=120000, batch_size=128),
    },
    "ibc": {
        "demo": TrainConfig(steps=2000, batch_size=128),
        "full": TrainConfig(steps=8000, batch_size=128),
    },
    "mac": {
        "demo": TrainConfig(steps=4000, batch_size=128),
        "full": TrainConfig(steps=16000, batch_size=128),
    },
}
# Around another policy, which is MAC unless they are told otherwise.
_PRESETS |= dict.fromkeys(("intent", "recall", "windowed"), _PRESETS["mac"])

# Time of a step of each preset on one core, as it was once [ms]: only the ratios matter.
_COST = {"bc": 2, "mixture_bc": 3, "diffusion": 3, "ibc": 60, "mac": 30}


def step_cost(name: str) -> int:
    """What a training step costs next to that of another policy, for estimates of what remains."""
    return _COST.get(name, _COST["mac"])


def preset(name: str, scale: str = "full", **changes: Any) -> TrainConfig:
    """How the policy of this name is trained; changes that are None are left out.

    Raises:
        InputError: an unknown scale, or a change that does not fit.

    Example:
        >>> preset("bc", "demo", lr=None, batch_size=32).batch_size
        32
    """
    if scale not in SCALES:
        raise InputError(f"scale: expected one of {', '.join(SCALES)}, got {scale!r}")
    config = _PRESETS.get(name, _PRESETS["bc"])[scale]
    return replace(config, **{k: v for k, v in changes.items() if v is not None})
