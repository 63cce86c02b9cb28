"""Which key does what, in words, from a mapping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mac_control.teleop.mapping import Mapping

#: Direction of the hand -> names of its positive and negative sense.
WORDS = {
    "x": ("forward", "back"),
    "y": ("left", "right"),
    "z": ("up", "down"),
    "roll": ("roll left", "roll right"),
    "pitch": ("pitch up", "pitch down"),
    "yaw": ("turn left", "turn right"),
}


class Row(NamedTuple):
    """Keys, what they do, and in which mode; None: in all."""

    mode: str | None
    keys: str
    does: str


def key_table(mapping: Mapping, labels: Sequence[str], prefix: str = "") -> list[Row]:
    """Every key that drives, by mode; `prefix` is the prefix of key names.

    Example:
        >>> from mac_control.teleop.mapping_file import parse_mapping
        >>> buttons = [{"button": "w", "dim": 0}, {"button": "s", "dim": 0, "value": -1.0}]
        >>> key_table(parse_mapping({"button": buttons}, 1), ["elbow"])
        [Row(mode=None, keys='W S', does='elbow + and −')]
    """
    what: dict[tuple[str | None, str], dict[str, list[str]]] = {}
    for button in mapping.buttons:
        if button.button.startswith(prefix):
            key = button.button.removeprefix(prefix)
            target = labels[button.dim] if button.dim is not None else str(button.direction)
            sense = "+" if button.value > 0 else "-"
            what.setdefault((button.mode, target), {}).setdefault(sense, []).append(key)
    rows: dict[tuple[str | None, str], list[str]] = {}
    for (mode, target), senses in what.items():
        pairs = zip(*(senses.get(sense, ["–"]) for sense in "+-"), strict=False)
        for more, less in pairs:
            rows.setdefault((mode, f"{_named(more)} {_named(less)}"), []).append(target)
    table = []
    for (mode, keys), targets in rows.items():
        if targets[0] in WORDS and len(targets) == 1:
            does = " and ".join(WORDS[targets[0]])
        else:
            does = f"{', '.join(targets)} + and −"
        table.append(Row(mode, keys, does))
    for hold in mapping.dead_man:
        if hold.button.startswith(prefix):
            held = ", ".join(labels[d] for d in hold.dims) if len(hold.dims) < 4 else "the arm"
            table.append(Row(hold.mode, _named(hold.button.removeprefix(prefix)), f"hold {held}"))
    order = [None, *mapping.modes]
    return sorted(table, key=lambda row: order.index(row.mode))


def _named(key: str) -> str:
    return key.upper() if len(key) == 1 else key.capitalize()
