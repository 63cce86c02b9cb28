"""Mappings read from TOML: a user's files, and those that ship with the package."""

from __future__ import annotations

import sys
from collections.abc import Mapping as Dict
from dataclasses import MISSING, fields
from importlib import resources
from pathlib import Path
from typing import Any

from mac_control.errors import InputError
from mac_control.files import user_path
from mac_control.robot import Robot
from mac_control.teleop.entries import Axis, Button, DeadMan, TaskSpaceOptions
from mac_control.teleop.jog import latched
from mac_control.teleop.mapping import Mapping

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAPPINGS = resources.files("mac_control.teleop") / "mappings"


def mapping_names() -> list[str]:
    """Names of the mappings that ship with the package."""
    return sorted(file.name.removesuffix(".toml") for file in MAPPINGS.iterdir())


def load_mapping(source: str | Path, robot: Robot | int) -> Mapping:
    """A mapping from a TOML file, or by the name of one that ships with the package.

    Args:
        source: the file, or the name; names of mappings for one robot end with the robot's, which
            may be left out.
        robot: the robot that is driven, or just its number of dimensions.

    Raises:
        InputError: no such mapping, not TOML, or a mistake in it.

    Example:
        >>> sorted(load_mapping("network", 3).events)
        ['estop', 'mode', 'pause', 'quit', 'record', 'release', 'reset', 'success', 'undo']
    """
    names = mapping_names()
    if not isinstance(robot, int) and f"{source}.{robot.name}" in names:
        source = f"{source}.{robot.name}"
    path = MAPPINGS / f"{source}.toml" if str(source) in names else user_path(source)
    if not path.is_file():
        raise InputError(
            f"mapping: expected a TOML file or one of {', '.join(names)}, got {str(source)!r}"
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"mapping {source}: expected TOML: {error}") from error
    try:
        mapping = parse_mapping(table, robot)
        if not (mapping.axes or mapping.buttons or mapping.dead_man or mapping.events):
            raise InputError("expected some of axis, button, dead_man and events, got none")
        return mapping
    except InputError as error:
        raise InputError(f"mapping {source}: {error}") from error


def parse_mapping(table: Dict[str, Any], robot: Robot | int) -> Mapping:
    """A mapping from the tables of a TOML file; dimensions are indices, names or groups."""
    action_dim = robot if isinstance(robot, int) else robot.action_dim
    if not isinstance(robot, int):
        table = _indexed(table, robot)
    if "hold" in table:  # its name until version 0.2
        table = {**table, "dead_man": [*table.get("dead_man", []), *_rows(table, "hold")]}
        del table["hold"]
    known = {"axis", "button", "each_dim", "dead_man", "events", "modes", "task_space"}
    _check_keys("mapping", table, known)
    for name in ("axis", "button", "dead_man", "modes"):
        if not isinstance(table.get(name, []), list | tuple):
            raise InputError(f"{name}: expected a list, got {table[name]!r}")
    task, events = table.get("task_space"), table.get("events", {})
    if not isinstance(events, dict) or not all(isinstance(v, str) for v in events.values()):
        raise InputError(f'events: expected event = "button" pairs, got {events!r}')
    each = table.get("each_dim", False)
    if not isinstance(each, bool):
        raise InputError(f"each_dim: expected true or false, got {each!r}")
    dims = range(action_dim) if each else ()
    targets = [False] * action_dim if isinstance(robot, int) else latched(robot).tolist()
    return Mapping(
        action_dim,
        (
            *(Axis(f"dim{d}", dim=d, action=True, at_zero=targets[d]) for d in dims),
            *(_entry(Axis, row) for row in table.get("axis", [])),
        ),
        tuple(_entry(Button, row) for row in table.get("button", [])),
        (
            *(DeadMan(f"mine{d}", (d,)) for d in dims),
            *(_entry(DeadMan, row) for row in table.get("dead_man", [])),
        ),
        events,
        tuple(table.get("modes", ())),
        None if task is None else _entry(TaskSpaceOptions, task),
        None if isinstance(robot, int) else robot,
    )


def _rows(table: Dict[str, Any], name: str) -> list[Any]:
    if not isinstance(table[name], list | tuple):
        raise InputError(f"{name}: expected a list, got {table[name]!r}")
    return list(table[name])


def _indexed(table: Dict[str, Any], robot: Robot) -> dict[str, Any]:
    """With names of dimensions and groups replaced by indices."""
    found = dict(table)
    for kind in ("axis", "button", "dead_man", "hold"):
        rows = table.get(kind, [])
        if isinstance(rows, list):
            found[kind] = [_indexed_row(row, robot) for row in rows]
    if isinstance(table.get("task_space"), dict):
        found["task_space"] = _indexed_row(table["task_space"], robot)
    return found


def _indexed_row(row: Any, robot: Robot) -> Any:
    if not isinstance(row, dict):
        return row
    row = dict(row)
    if isinstance(row.get("dim"), str):
        row["dim"] = robot.index(row["dim"])
    for key in ("dims", "joints"):
        names = [row[key]] if isinstance(row.get(key), str) else row.get(key)
        if isinstance(names, list) and any(isinstance(name, str) for name in names):
            row[key] = list(robot.dims(*names))
    return row


_KINDS = {
    "str": str, "int": int, "float": (int, float), "bool": bool, "tuple": (list, tuple)
}  # fmt: skip


def _entry(kind: type, row: Any) -> Any:
    what = "dead_man" if kind is DeadMan else kind.__name__.lower()
    if not isinstance(row, dict):
        raise InputError(f"{what}: expected a table, got {row!r}")
    _check_keys(what, row, {f.name for f in fields(kind)})
    for f in fields(kind):
        if f.name not in row:
            if f.default is MISSING:
                raise InputError(f"{what}: expected the key {f.name}, got {sorted(row)}")
            continue
        value, expected = row[f.name], str(f.type).partition(" ")[0].partition("[")[0]
        if not isinstance(value, _KINDS[expected]) or (
            expected != "bool" and isinstance(value, bool)
        ):
            raise InputError(f"{what} {f.name}: expected {f.type}, got {value!r}")
        if expected == "tuple" and not all(type(v) is int for v in value):
            raise InputError(f"{what} {f.name}: expected whole numbers, got {value!r}")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()})


def _check_keys(what: str, table: Dict[str, Any], known: set[str]) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise InputError(f"{what}: expected keys of {', '.join(sorted(known))}, got {unknown[0]!r}")
