"""Any teleoperator that lerobot knows: leader arms, phones, gamepads."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from mac_control.errors import InputError, MacControlError
from mac_control.teleop.device import Device, DeviceError, DeviceState, needs


class LeRobot(Device):
    """The numbers of a lerobot `Teleoperator`'s action are axes, by the names it gives them.

    Args:
        kind: lerobot's name of the teleoperator, such as `so101_leader`.
        teleoperator: an object with `connect`, `get_action` and `disconnect`, instead of `kind`.
        options: the fields of its configuration, such as `port`.
    """

    mapping = "lerobot"
    blocks = True  # on a serial line

    def __init__(self, kind: str | None = None, teleoperator: Any = None, **options: Any) -> None:
        if (kind is None) == (teleoperator is None):
            got = "both" if kind else "neither; give lerobot:kind=so101_leader:port=..."
            raise InputError(f"lerobot: expected either kind or teleoperator, got {got}")
        self._kind, self._options, self._given = kind, options, teleoperator
        self._arm: Any = None
        self._last: dict[str, float] = {}
        self._changed = float("-inf")

    def connect(self) -> None:
        try:
            arm = self._given if self._given is not None else self._make()
            arm.connect()
        except MacControlError:
            raise
        except Exception as error:  # lerobot passes on whatever a driver raises, or lacks
            raise DeviceError(f"lerobot: cannot connect: {error}") from error
        self._arm = arm

    def read(self) -> DeviceState:
        if self._arm is None:
            raise DeviceError("lerobot: expected to be connected, got none")
        try:
            action = self._arm.get_action()
        except Exception as error:
            self.close()
            raise DeviceError(f"lerobot: unplugged: {error}") from error
        now = time.monotonic()
        axes = dict(_numbers(action))
        if axes != self._last:
            self._last, self._changed = axes, now
        return DeviceState(axes, frozenset(), now, self._changed)

    def close(self) -> None:
        arm, self._arm = self._arm, None
        if arm is not None:
            try:
                arm.disconnect()
            except Exception as error:
                raise DeviceError(f"lerobot: cannot disconnect: {error}") from error

    def _make(self) -> Any:
        configs = needs("lerobot.teleoperators.config", "lerobot").TeleoperatorConfig
        utils = needs("lerobot.teleoperators.utils", "lerobot")
        package = needs("lerobot.teleoperators", "lerobot")
        # A configuration registers itself when its module is imported, whatever that is called.
        for module in pkgutil.iter_modules(package.__path__, "lerobot.teleoperators."):
            with contextlib.suppress(Exception):  # one that lacks the driver of another arm
                importlib.import_module(module.name)
        try:
            config = configs.get_choice_class(self._kind)(**self._options)
        except (KeyError, TypeError) as error:
            raise InputError(f"lerobot: {self._kind!r} cannot be configured: {error}") from error
        return utils.make_teleoperator_from_config(config)


def _numbers(action: Any) -> list[tuple[str, float]]:
    items = action.items() if isinstance(action, Mapping) else enumerate(np.ravel(action))
    return [(f"joint{key}" if isinstance(key, int) else str(key), float(v)) for key, v in items]
