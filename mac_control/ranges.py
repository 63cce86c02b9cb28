"""Checks of settings that are numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mac_control.errors import InputError


def expect_at_least(settings: Any, least: Mapping[str, float]) -> None:
    """Check that attributes of `settings` are finite numbers, and at least as large as in `least`.

    Raises:
        InputError: an attribute that is not.

    Example:
        >>> from types import SimpleNamespace
        >>> expect_at_least(SimpleNamespace(steps=3), {"steps": 1})
    """
    for name, bound in least.items():
        value = getattr(settings, name)
        if not value >= bound:
            raise InputError(f"{name}: expected at least {bound}, got {value}")
        if value == float("inf"):
            raise InputError(f"{name}: expected a finite number, got {value}")
