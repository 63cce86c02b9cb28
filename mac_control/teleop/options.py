"""Devices and their options on a command line."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mac_control.errors import InputError


@dataclass(frozen=True)
class DeviceSpec:
    """A device as a command line names it: `left=spacemouse:index=0:mapping=wrist.toml`.

    Args:
        kind: name of the device, or `module:Class`.
        name: name of the device; the name of a group or dimension of the robot restricts it to
            that.
        options: of the device.
        mapping: name or file of its mapping; None: its own.
        dims: groups and dimensions that it drives, `arm+gripper` on the command line; empty: those
            of its name, where the robot has such, otherwise all.

    Example:
        >>> DeviceSpec.parse("left=spacemouse:index=1")
        DeviceSpec(kind='spacemouse', name='left', options={'index': 1}, mapping=None, dims=())
    """

    kind: str
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    mapping: str | None = None
    dims: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> DeviceSpec:
        """From `[NAME=]KIND[:OPTION=VALUE]...`; a value may have colons of its own.

        Raises:
            InputError: no kind, or an option given twice.
        """
        name, equals, rest = text.partition("=")
        if not equals or ":" in name:
            name, rest = "", text
        if "," in name:
            raise InputError(
                f"device: expected one device, got the list {text!r}; repeat --device for each"
            )
        parts = rest.split(":")
        cut = next((i for i, part in enumerate(parts) if "=" in part), len(parts))
        kind, texts = ":".join(parts[:cut]), list[list[str]]()
        for part in parts[cut:]:
            key, found, value = part.partition("=")
            if found and key.isidentifier():
                texts.append([key, value])
            elif texts:  # `ws://host:80`: the colon belongs to the value
                texts[-1][1] += f":{part}"
        keys = [key for key, _ in texts]
        if not kind or not all(parts[:cut]) or len(set(keys)) < len(keys):
            raise InputError(f"device: expected [NAME=]KIND[:OPTION=VALUE]..., got {text!r}")
        found_options = {key: _value(value) for key, value in texts}
        mapping, dims = found_options.pop("mapping", None), found_options.pop("dims", None)
        named = tuple(str(dims).split("+")) if dims is not None else ()
        return cls(kind, name, found_options, None if mapping is None else str(mapping), named)


def device_specs(texts: Sequence[str], options: str = "") -> list[DeviceSpec]:
    """The devices that `--device` names; it may be repeated, or have commas.

    Args:
        texts: what follows each `--device`.
        options: what follows `--options`; for exactly one device.

    Raises:
        InputError: options without exactly one device, or a device given twice.

    Example:
        >>> [spec.kind for spec in device_specs(["gamepad,keyboard"])]
        ['gamepad', 'keyboard']
    """
    named = [
        name
        for text in texts
        for name in ([text] if "=" in text else text.split(","))  # options may have commas
        if name
    ]
    specs = [DeviceSpec.parse(name) for name in named]
    if options and len(specs) != 1:
        raise InputError(
            f"options: expected exactly one device, got {len(specs)}; give each its own, as in "
            "--device gamepad:index=0 --device gamepad:index=1"
        )
    if options:
        specs = [replace(specs[0], options={**specs[0].options, **parse_options(options)})]
    for i, spec in enumerate(specs):
        if any((s.kind, s.options) == (spec.kind, spec.options) for s in specs[:i]):
            raise InputError(
                f"device {spec.kind}: expected each one once, got it twice with the same options; "
                f"say which one is meant, as in {spec.kind}:index=1"
            )
    return specs


def parse_options(text: str) -> dict[str, Any]:
    """Options from `key=value,key=value`; a value is a Python literal, otherwise text.

    A part without a key belongs to the value before it: a path may have commas.

    Example:
        >>> parse_options("index=1,port=/dev/ttyACM0")
        {'index': 1, 'port': '/dev/ttyACM0'}
    """
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
    return {key: _value(value) for key, value in texts.items()}


def _value(text: str) -> Any:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return text if type(value) is int and str(value) != text else value  # a token: 0x12ab
