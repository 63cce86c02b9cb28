"""Options of a device on a command line."""

from __future__ import annotations

import ast
from typing import Any

from mac_control.errors import InputError


def parse_options(text: str) -> dict[str, Any]:
    """Options from `key=value,key=value`; a value is a Python literal, else text.

    What has no key of its own belongs to the value before it: a path may have commas.

    Example:
        >>> parse_options("index=1,port=/dev/ttyACM0")
        {'index': 1, 'port': '/dev/ttyACM0'}
    """
    options: dict[str, Any] = {}
    texts: dict[str, str] = {}
    last = ""
    for part in text.split(","):
        key, found, value = part.partition("=")
        if found and key.isidentifier():
            texts[key], last = value, key
        elif last:  # a value with a comma in it, such as a path
            texts[last] += f",{part}"
        elif part:
            raise InputError(f"options: expected key=value, got {part!r}")
    for key, value in texts.items():
        try:
            options[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[key] = value
    return options
