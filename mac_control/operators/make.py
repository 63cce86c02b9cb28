"""Operators by spec: our own, those of other packages, and `module:Class`, wrapped or not."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mac_control.errors import InputError, did_you_mean
from mac_control.operators.base import Operator
from mac_control.operators.restricted import Restricted
from mac_control.operators.spec import WRAPPERS, Part, arguments, parse

GROUP = "mac_control.operators"


def operator_names() -> list[str]:
    """Names in the entry-point group `mac_control.operators` of all installed packages."""
    return sorted(_installed())


def make_operator(
    name: str,
    *,
    action_dim: int,
    given: int | Sequence[int] | None = None,
    **resources: Any,
) -> Operator:
    """An operator by name, restricted to some dimensions.

    Args:
        name: `nobody`, `everything`, `proxy`, `tracker`, `random`, any name in the entry-point
            group `mac_control.operators`, or `module:Class`; with arguments and wrappers as in
            `tracker:resync=true+laggy:p=0.5` (see :mod:`mac_control.operators.spec`).
        action_dim: number of action dimensions, D.
        given: how many dimensions to keep, drawn per episode, or a list of which; None keeps all.
        resources: what operators are made of, by argument name: `policy` (for `proxy`),
            `demonstrations` (for `tracker`), and whatever others need. An operator takes those
            that its constructor names, and `action_dim`; the rest is left alone.

    Raises:
        InputError: an unknown name, something an operator needs and was not given, arguments or
            dimensions that do not fit.

    Example:
        >>> operator = make_operator("nobody", action_dim=9)
        >>> type(operator).__name__
        'Nobody'
        >>> type(make_operator("nobody+noisy:std=0.05+k:3", action_dim=9).operator).__name__
        'Noisy'
    """
    source, *wrappers = parse(name)
    resources = {**{k: v for k, v in resources.items() if v is not None}, "action_dim": action_dim}
    operator = _made(source, _find(source.name), resources)
    for part in wrappers:
        operator = _made(part, WRAPPERS[part.name], {**resources, "operator": operator})
    if given is None:
        return operator
    if isinstance(given, int):
        return Restricted(operator, action_dim, k=given)
    return Restricted(operator, action_dim, dims=given)


def _find(name: str) -> Callable[..., Any]:
    installed = _installed()
    entry = installed.get(name)
    if entry is None and ":" not in name:
        raise InputError(
            f"operator: expected one of {', '.join(sorted(installed))} or module:Class, "
            f"got {name!r}{did_you_mean(name, installed)}"
        )
    try:
        make: Callable[..., Any]
        if entry is not None:
            make = entry.load()
        else:
            module, _, attribute = name.partition(":")
            make = getattr(importlib.import_module(module), attribute)
        return make
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"operator {name!r}: cannot be imported: {error}") from error


def _installed() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        if found.setdefault(entry.name, entry).value != entry.value:
            raise InputError(
                f"operator {entry.name!r}: expected one package to offer it, got "
                f"{found[entry.name].value} and {entry.value}"
            )
    return found


def _made(part: Part, make: Callable[..., Any], resources: dict[str, Any]) -> Operator:
    positional, named = arguments(part, make)
    parameters = [
        p
        for p in inspect.signature(make).parameters.values()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    supplied = {p.name: resources[p.name] for p in parameters if p.name in resources} | named
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in supplied]
    if missing:
        raise InputError(f"operator {part.name!r}: expected {', '.join(missing)}, got none")
    if positional:  # what stands before them goes by position too
        leading = [supplied.pop(p.name) for p in parameters]
        operator = make(*leading, *positional, **supplied)
    else:
        operator = make(**supplied)
    if not isinstance(operator, Operator):
        raise InputError(
            f"operator {part.name!r}: expected an Operator, got {type(operator).__name__}"
        )
    return operator
