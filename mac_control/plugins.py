"""One registry of plug-ins: operators, devices, policies, environments and robots by name."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mac_control.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Registry:
    """Plug-ins of one kind by name: an entry-point group of this and other packages.

    Args:
        kind: what a plug-in is called in errors.
        group: the entry-point group, e.g. `mac_control.operators`.
    """

    kind: str
    group: str

    def names(self) -> list[str]:
        """Names in the group, of all installed packages."""
        return sorted(self.installed())

    def installed(self) -> dict[str, EntryPoint]:
        """Name -> entry point.

        Raises:
            InputError: two packages offer different things under one name.
        """
        found: dict[str, EntryPoint] = {}
        for entry in _entries(self.group, tuple(sys.path)):
            if found.setdefault(entry.name, entry).value != entry.value:
                raise InputError(
                    f"{self.kind} {entry.name!r}: expected one package to offer it, got "
                    f"{found[entry.name].value} and {entry.value}"
                )
        return found

    def load(self, name: str) -> Callable[..., Any]:
        """The plug-in of this name, or `module:attribute`, also from the current folder.

        Raises:
            InputError: an unknown name, or something that cannot be imported.
        """
        installed = self.installed()
        entry = installed.get(name)
        if entry is None and ":" not in name:
            raise InputError(
                f"{self.kind}: expected one of {', '.join(sorted(installed))} or module:Class, "
                f"got {name!r}{did_you_mean(name, installed)}"
            )
        try:
            found: Callable[..., Any] = imported(name) if entry is None else entry.load()
        except (ImportError, AttributeError, ValueError) as error:
            raise InputError(f"{self.kind} {name!r}: cannot be imported: {error}") from error
        if not callable(found):
            raise InputError(
                f"{self.kind} {name!r}: expected a callable, got {type(found).__name__}"
            )
        return found


@cache
def _entries(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Entry points installed on a path, cached: reading them all takes tens of milliseconds."""
    return tuple(entry_points(group=group))


def imported(name: str) -> Any:
    """`module:attribute` or `module`, also from the current folder, as with `python -m`."""
    module, colon, attribute = name.partition(":")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    found: Any = importlib.import_module(module)
    for part in attribute.split(".") if colon else ():
        found = getattr(found, part)
    return found


OPERATORS = Registry("operator", "mac_control.operators")
DEVICES = Registry("device", "mac_control.devices")
POLICIES = Registry("policy", "mac_control.policies")
ENVIRONMENTS = Registry("env", "mac_control.environments")
#: Gymnasium id -> a function that describes that environment's robot.
ROBOTS = Registry("robot", "mac_control.robots")
