"""Makes operators by spec: our own, those of other packages, and `module:Class`, with wrappers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mac_control.errors import InputError, MacControlError, one_line
from mac_control.operators.base import Operator
from mac_control.operators.restricted import Restricted
from mac_control.operators.spec import WRAPPERS, Part, arguments, parse
from mac_control.plugins import OPERATORS
from mac_control.robot import Robot


def operator_names() -> list[str]:
    """Names in the entry-point group `mac_control.operators` of all installed packages."""
    return OPERATORS.names()


def make_operator(
    name: str,
    *,
    action_dim: int,
    given: int | str | Sequence[int | str] | None = None,
    **resources: Any,
) -> Operator:
    """An operator by name, restricted to some dimensions.

    Args:
        name: `nobody`, `everything`, `proxy`, `tracker`, `random`, any name in the entry-point
            group `mac_control.operators`, or `module:Class`; with arguments and wrappers as in
            `tracker:resync=true+laggy:p=0.5` (see :mod:`mac_control.operators.spec`).
        action_dim: number of action dimensions, D.
        given: how many dimensions to keep, drawn per episode, or a list of dimensions by index,
            name or group; None keeps all.
        resources: what operators are made from, by argument name: `policy` (for `proxy`),
            `demonstrations` (for `tracker`), `env`, `robot` (for groups), and whatever others need.
            An operator gets those that its constructor names, `action_dim` included.

    Raises:
        InputError: an unknown name, a missing resource, or arguments or dimensions that do not
            fit.

    Example:
        >>> operator = make_operator("nobody", action_dim=9)
        >>> type(operator).__name__
        'Nobody'
        >>> type(make_operator("nobody+noisy:std=0.05+k:3", action_dim=9).operator).__name__
        'Noisy'
    """
    source, *wrappers = parse(name)
    resources = {**{k: v for k, v in resources.items() if v is not None}, "action_dim": action_dim}
    data, robot = resources.get("demonstrations"), resources.get("robot")
    # An environment knows more of its robot than data that only state a box.
    if data is not None and robot is not None and not _observes(data.robot):
        resources["demonstrations"] = replace(data, robot=robot)
    operator = _made(source, OPERATORS.load(source.name), resources)
    for part in wrappers:
        operator = _made(part, WRAPPERS[part.name], {**resources, "operator": operator})
    if given is None:
        return operator
    if isinstance(given, str):
        given = [given]
    if isinstance(given, int | np.integer):
        return Restricted(operator, action_dim, k=int(given))
    if robot is not None:
        return Restricted(operator, action_dim, dims=robot.dims(*given))
    try:
        dims = [int(dim) for dim in given]
    except ValueError:
        raise InputError(
            f"given: expected indices where no robot is named, got {list(given)}; pass robot="
        ) from None
    return Restricted(operator, action_dim, dims=dims)


def _observes(robot: Robot | None) -> bool:
    """Whether any position of the robot is known to be observed."""
    return robot is not None and any(action.position is not None for action in robot.actions)


def _made(part: Part, make: Callable[..., Any], resources: dict[str, Any]) -> Operator:
    try:
        operator = _called(part, make, resources)
    except MacControlError:
        raise
    except Exception as error:  # whatever its constructor raises
        why = one_line(error)
        raise InputError(f"operator {part.name!r}: cannot be made: {why}") from error
    if not isinstance(operator, Operator):
        raise InputError(
            f"operator {part.name!r}: expected an Operator, got {type(operator).__name__}"
        )
    return operator


def _called(part: Part, make: Callable[..., Any], resources: dict[str, Any]) -> Any:
    positional, named = arguments(part, make)
    parameters = [
        p
        for p in inspect.signature(make).parameters.values()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    supplied = {p.name: resources[p.name] for p in parameters if p.name in resources} | named
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in supplied]
    if missing:
        raise InputError(
            f"operator {part.name!r}: expected {', '.join(missing)}, got none; give it as in "
            f"{part.name}:VALUE"
        )
    if positional:  # then what comes before them must be positional too
        leading = [supplied.pop(p.name) for p in parameters]
        return make(*leading, *positional, **supplied)
    return make(**supplied)
