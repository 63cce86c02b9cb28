"""Attributes of a package that are imported on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(package: str, where: Mapping[str, str]) -> Callable[[str], Any]:
    """A `__getattr__` for the package: attribute -> the module of the package that has it.

    Example:
        >>> lazily("mac_control", {"InputError": "errors"})("InputError").__name__
        'InputError'
    """

    def attribute(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{where[name]}"), name)
        vars(import_module(package))[name] = value
        return value

    return attribute
