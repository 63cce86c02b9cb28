"""Options of a device on a command line."""

from __future__ import annotations

import ast
from typing import Any

from mac_control.errors import InputError


def parse_options(text: str) -> dict[str, Any]:
    """Options from `key=value,key=value`; a value is a Python literal, else text.

    Example:
        >>> parse_options("index=1,port=/dev/ttyACM0")
        {'index': 1, 'port': '/dev/ttyACM0'}
    """
    options: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, found, value = part.partition("=")
        if not found or not key.isidentifier():
            raise InputError(f"options: expected key=value, got {part!r}")
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[key] = value
    return options
