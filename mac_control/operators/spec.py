"""Operators as text: `tracker:resync=true+laggy:p=0.5+k:3`.

A source, then the wrappers around it from the inside out, joined by `+`. Each may have arguments
after colons, by name or by position: `laggy:0.5` is `laggy:p=0.5`. An argument that contains a
colon or a plus, such as a path, is quoted: `policy:"runs/a+b"`.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mac_control.checkpoint_record import policy_digest
from mac_control.demonstrations.load import find_source
from mac_control.errors import InputError, did_you_mean
from mac_control.files import user_path
from mac_control.operators import degraded, mistaken, patterns, soft
from mac_control.operators.base import Operator
from mac_control.plugins import OPERATORS

#: Name -> function that wraps an operator: `make(operator, [resources,] arguments)`.
WRAPPERS: dict[str, Callable[..., Operator]] = {
    "noisy": degraded.Noisy,
    "laggy": degraded.Laggy,
    "low-rate": degraded.LowRate,
    "intermittent": degraded.Intermittent,
    "wrong": mistaken.Wrong,
    "soft": soft.Soft,
    "k": patterns.keep_k,
    "dims": patterns.keep_dims,
    "group": patterns.keep_groups,
    "joystick": patterns.Joystick,
    "shifting": patterns.Shifting,
}

#: Arguments that come from the caller and not from the text.
RESOURCES = ("operator", "action_dim", "demonstrations", "policy", "env", "robot")


#: `NAME=VALUE` or `VALUE`, up to the next colon or plus that is not in quotes.
_ARGUMENT = re.compile(
    r"""(?:(?P<name>[A-Za-z_]\w*)=)?"""
    r"""(?:"(?P<double>[^"]*)"(?=[:+]|$)|'(?P<single>[^']*)'(?=[:+]|$)|(?P<plain>[^:+]*))"""
)


@dataclass(frozen=True)
class Part:
    """A source or a wrapper: its name and its arguments, still text."""

    name: str
    positional: tuple[str, ...]
    named: Mapping[str, str]


def parse(spec: str) -> list[Part]:
    """The parts of a spec, the source first.

    Raises:
        InputError: an empty part, an unknown wrapper, or a repeated argument.

    Example:
        >>> [part.name for part in parse("tracker:resync=true+laggy:0.5+k:3")]
        ['tracker', 'laggy', 'k']
    """
    parts = [_part(texts, spec, source=i == 0) for i, texts in enumerate(_split(spec))]
    for part in parts[1:]:
        if part.name not in WRAPPERS:
            raise InputError(
                f"operator {spec!r}: expected one of {', '.join(WRAPPERS)} behind '+', "
                f"got {part.name!r}{did_you_mean(part.name, WRAPPERS)}"
            )
    return parts


def uses_demonstrations(spec: str, optional: bool = False) -> bool:
    """Whether an operator needs demonstrations to follow; `optional`: or can use them.

    An operator that does not exist needs none: :func:`make_operator` reports it.

    Example:
        >>> uses_demonstrations("expert+noisy:0.05"), uses_demonstrations("expert+wrong")
        (False, True)
    """
    # `everything` tracks demonstrations rather than use a policy.
    return uses(spec, "demonstrations", optional) or parse(spec)[0].name == "everything"


def tracked_source(specs: Sequence[str], data: str | None) -> str | None:
    """The source of the demonstrations to follow: `data`, else the default where some need any.

    Raises:
        InputError: `data` that none of the operators uses.
        DataError: no demonstrations are found.
    """
    if data is None:
        return str(find_source()) if any(map(uses_demonstrations, specs)) else None
    if not any(uses_demonstrations(spec, optional=True) for spec in specs):
        raise InputError(
            "data: expected only with an operator who follows demonstrations, such as tracker, got "
            f"{data!r} with {', '.join(specs)}"
        )
    return data


def uses(spec: str, resource: str, optional: bool = True) -> bool:
    """Whether an operator needs one of `RESOURCES`; `optional`: or can use it.

    Example:
        >>> uses("proxy+noisy:0.05", "policy"), uses("random", "policy")
        (True, False)
    """
    source, *wrappers = parse(spec)
    try:
        makers = (OPERATORS.load(source.name), *(WRAPPERS[part.name] for part in wrappers))
    except InputError:
        return False
    found = [inspect.signature(make).parameters.get(resource) for make in makers]
    return any(p is not None and (optional or p.default is p.empty) for p in found)


def acting_policy(spec: str) -> str | None:
    """The checkpoint that acts as the operator; None where none does.

    Example:
        >>> acting_policy("policy:runs/bc+k:3"), acting_policy("expert")
        ('runs/bc', None)
    """
    source = parse(spec)[0]
    named = (*source.positional, *source.named.values())
    return named[0] if source.name == "policy" and named else None


def operator_digest(spec: str) -> str | None:
    """SHA-256 of what determines an operator's actions besides its spec: weights, configuration.

    None where it has none.

    Raises:
        CheckpointError: `policy:` names no checkpoint.
        InputError: no operator of this name.

    Example:
        >>> operator_digest("expert+noisy:0.05") is None
        True
    """
    if (policy := acting_policy(spec)) is not None:
        return policy_digest(policy)
    source = parse(spec)[0]
    # An operator's class may have `weights`, which lists the files that determine its actions.
    files: list[Path] = getattr(OPERATORS.load(source.name), "weights", list)()
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest() if files else None


def expect_operator(spec: str) -> None:
    """Check all of an operator that can be checked without making it.

    Raises:
        CheckpointError, InputError: as :func:`operator_digest`, or as :func:`arguments`.
    """
    operator_digest(spec)
    source, *wrappers = parse(spec)
    arguments(source, OPERATORS.load(source.name))
    for part in wrappers:
        arguments(part, WRAPPERS[part.name])


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Its annotations; those that name what only a type checker imports count as text."""
    try:
        return typing.get_type_hints(function)
    except NameError:
        plain: dict[str, Any] = {"int": int, "float": float, "str": str, "bool": bool}
        plain |= {f"{name} | None": kind | None for name, kind in plain.items()}
        own = getattr(function, "__annotations__", {})
        return {k: plain.get(v, str) if isinstance(v, str) else v for k, v in own.items()}


def arguments(part: Part, make: Callable[..., Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a part, converted as `make` annotates them: positional ones, named ones.

    Raises:
        InputError: an argument that `make` does not have, or a value of another kind.

    Example:
        >>> arguments(parse("tracker+noisy:0.05:decay=0.9")[1], degraded.Noisy)
        ([], {'std': 0.05, 'decay': 0.9})
    """
    function = make.__init__ if inspect.isclass(make) else make
    hints = _hints(function)
    parameters = [p for p in inspect.signature(make).parameters.values() if p.name not in RESOURCES]
    many = next((p for p in parameters if p.kind is p.VAR_POSITIONAL), None)
    if many is not None and not part.named:
        return [_convert(part, many.name, text, hints) for text in part.positional], {}
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if len(part.positional) > len(names):
        raise InputError(
            f"operator {part.name!r}: expected at most {len(names)} arguments "
            f"({', '.join(names)}), got {len(part.positional)}"
        )
    texts = dict(zip(names, part.positional, strict=False))
    for name, text in part.named.items():
        if name not in names or name in texts:
            raise InputError(
                f"operator {part.name!r}: expected arguments out of ({', '.join(names)}), "
                f"each once, got {name!r}"
            )
        texts[name] = text
    return [], {name: _convert(part, name, text, hints) for name, text in texts.items()}


def _split(spec: str) -> list[list[tuple[str, str]]]:
    """Name and arguments of each part, as pairs of an optional name and a value."""
    parts: list[list[tuple[str, str]]] = [[]]
    at = 0
    while True:
        found = _ARGUMENT.match(spec, at)
        assert found is not None  # it may be empty
        quoted = found["double"] if found["double"] is not None else found["single"]
        name, value = found["name"] or "", found["plain"] if quoted is None else quoted
        if name and user_path(found[0]).exists():  # a path with an equals sign
            name, value = "", found[0]
        parts[-1].append((name, value))
        at = found.end() + 1
        if at > len(spec):
            return parts
        if spec[found.end()] == "+":
            parts.append([])


def _part(texts: list[tuple[str, str]], spec: str, source: bool) -> Part:
    (_, name), *rest = texts
    # `module:Class`, for a source only.
    if source and rest and not rest[0][0] and name not in OPERATORS.installed():
        name, rest = f"{name}:{rest[0][1]}", rest[1:]
    positional = tuple(value for key, value in rest if not key)
    named = [(key, value) for key, value in rest if key]
    empty = any(not key and not value for key, value in rest)
    if texts[0][0] or not name or empty or len(dict(named)) < len(named):
        raise InputError(
            f"operator: expected NAME[:ARGUMENT]...[+WRAPPER[:ARGUMENT]...]..., got {spec!r}"
        )
    return Part(name, positional, dict(named))


def _convert(part: Part, name: str, text: str, hints: Mapping[str, Any]) -> Any:
    kinds = [k for k in (typing.get_args(hints.get(name)) or (hints.get(name, str),))]
    for kind in kinds:
        if kind is bool and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in (int, float, str):
            try:
                return kind(text)
            except ValueError:
                continue
    wanted = " or ".join(k.__name__ for k in kinds if k in (bool, int, float, str)) or "no text"
    raise InputError(f"operator {part.name!r}: {name}: expected {wanted}, got {text!r}")
