"""The interface of a teleoperation device, and devices by name."""

from __future__ import annotations

import importlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from mac_control.errors import InputError, MacControlError, unknown_option
from mac_control.plugins import DEVICES
from mac_control.robot import Robot


class DeviceError(MacControlError):
    """A device cannot be used now: not there, unplugged, or its library is missing."""


@dataclass(frozen=True)
class DeviceState:
    """The current state of a device.

    Args:
        axes: deflection of each axis by name, in [-1, 1]; a leader arm's are action values.
        buttons: names of the buttons that are held, or were tapped since the last reading.
        received: when the device last reported, on the clock `time.monotonic` [s]; a state older
            than the watchdog's patience is not acted upon.
        changed: when an axis or button last changed [s]; latency is measured from it.
        rest: values of axes at rest, where not 0: some triggers rest at -1.
    """

    axes: Mapping[str, float] = field(default_factory=dict)
    buttons: frozenset[str] = frozenset()
    received: float = float("-inf")
    changed: float = float("-inf")
    rest: Mapping[str, float] = field(default_factory=dict)


class Device(ABC):
    """An input device: yields axes and buttons without blocking.

    A subclass writes `connect`, `read` and `close`, and sets `blocks` if they may block: it
    is then read in a thread of its own. Works as a context manager. `connect` is called again after
    a device was lost, so it must work on one that was plugged in again.
    """

    #: Names of the axes that the device can have, for listings; empty where they are not fixed.
    axes: tuple[str, ...] = ()
    #: The mapping in `mac_control/teleop/mappings` that is used where none is named.
    mapping: str = "network"
    #: Whether `read` or `connect` may take longer than a few milliseconds.
    blocks: bool = False
    #: Current mode of its mapping, set by its operator; for devices that show it.
    mode: str | None = None
    #: Whether the loop is paused or stopped, set by its operator; for recordings, which wait.
    idle: bool = False

    @abstractmethod
    def connect(self) -> None:
        """Open the device.

        Raises:
            DeviceError: it is not there, or its library is not installed.
        """

    @abstractmethod
    def read(self) -> DeviceState:
        """The latest state, without waiting.

        Raises:
            DeviceError: the device is gone.
        """

    def feedback(self, targets: Mapping[str, float]) -> None:  # noqa: B027 - few have motors
        """Drive these axes to where the robot is; axes left out are the operator's."""

    def expect_robot(self, robot: Robot) -> None:  # noqa: B027 - most can drive any
        """Raise an InputError unless the device can drive this robot."""

    @property
    def layout(self) -> str:
        """The layout of controls from which a mapping is made; default: the name of `mapping`."""
        return self.mapping

    def own_table(self, robot: Robot) -> dict[str, Any] | None:
        """The tables of a mapping onto this robot, if the device can derive one, otherwise None."""
        return None

    @property
    def address(self) -> str | None:
        """Where clients reach the device, once it is connected; None for a local device."""
        return None

    def reset(self) -> None:  # noqa: B027 - only recordings need it
        """An episode starts."""

    def close(self) -> None:  # noqa: B027 - most devices hold nothing
        """Free the device; may be called more than once."""

    def __enter__(self) -> Device:
        self.connect()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def device_names() -> list[str]:
    """Names in the entry-point group `mac_control.devices` of all installed packages."""
    return DEVICES.names()


def make_device(name: str, **options: Any) -> Device:
    """A device by name, or by `module:Class`; not connected yet.

    Raises:
        InputError: an unknown name, options that it does not take, or not a device.

    Example:
        >>> make_device("network", port=0).axes
        ()
    """
    make = DEVICES.load(name)
    signature = inspect.signature(make)
    try:
        signature.bind(**options)
    except TypeError as error:
        raise InputError(_misfit(name, signature, options)) from error
    known = signature.parameters
    options = {k: _typed(known[k], v) if k in known else v for k, v in options.items()}
    device = make(**options)
    if not isinstance(device, Device):
        raise InputError(f"device {name!r}: expected a Device, got {type(device).__name__}")
    return device


#: Annotation of an option -> what a value must be, in words and in Python; a whole number also
#: counts as text, since command-line options are text.
_KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "bool": ("True or False", (bool,)),
    "int": ("a whole number", (Integral,)),
    "float": ("a number", (Real,)),
    "str": ("text", (str, int)),
    "Path": ("a path", (Path,)),
    "None": ("None", (type(None),)),
}


def _typed(option: inspect.Parameter, value: Any) -> Any:
    """The value of an option checked against its annotation; as it is for other annotations."""
    said = option.annotation
    names = (said if isinstance(said, str) else inspect.formatannotation(said)).split(" | ")
    if not all(name in _KINDS for name in names):
        return value
    fits = [n for n in names if isinstance(value, _KINDS[n][1])]
    if isinstance(value, bool) and "bool" not in names:
        fits = []
    if not fits:
        wanted = " or ".join(_KINDS[name][0] for name in names)
        quotes = f"; put it in quotes, as in {option.name}='...'" if "str" in names else ""
        raise InputError(f"{option.name}: expected {wanted}, got {value!r}{quotes}")
    return str(value) if fits == ["str"] else value


def _misfit(name: str, signature: inspect.Signature, options: Mapping[str, Any]) -> str:
    """The option that is missing, or that the device does not have."""
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    known = [p for p in signature.parameters.values() if p.kind in plain]
    lacks = [p.name for p in known if p.default is p.empty and p.name not in options]
    if lacks:
        wanted = "".join(f":{option}=..." for option in lacks)
        return f"device {name!r}: expected the option {lacks[0]!r}, got none; give {name}{wanted}"
    names = [p.name for p in known]
    unknown = next((option for option in options if option not in names), "")
    return f"device {name!r}: {unknown_option(unknown, names)}"


def needs(module: str, extra: str) -> Any:
    """Import a module of an optional extra.

    Raises:
        DeviceError: it is not installed; the sentence says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DeviceError(
            f"{module}: expected the package, got none; pip install 'mac-control[{extra}]'"
        ) from error
