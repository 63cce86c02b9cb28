"""A mapping for any robot, made from its description."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from mac_control.errors import InputError
from mac_control.robot import ActionDim, Robot
from mac_control.teleop.device import Device
from mac_control.teleop.devices.lerobot import POSE
from mac_control.teleop.jog import latched
from mac_control.teleop.mapping import Mapping
from mac_control.teleop.mapping_file import parse_mapping

#: Time in which full deflection moves a position target through its whole range [s].
CROSSING = 2.0


@dataclass(frozen=True)
class Control:
    """A two-way control on a device: an axis, or a pair of buttons.

    `share` is the part of the range used; `sign` is -1 for an axis whose positive end is down.
    """

    names: tuple[str, ...]
    sign: float = 1.0
    dead_zone: float = 0.15
    share: float = 1.0


@dataclass(frozen=True)
class Layout:
    """A device's controls in order of use, a pair for grippers, and events.

    Where there are more dimensions than controls, and `events` has no `mode`, the first button of
    the pair becomes `mode`, and grippers are driven like all other dimensions.
    """

    controls: tuple[Control, ...]
    pair: tuple[str, str]
    events: dict[str, str]
    each_dim: bool = False


_STICKS = tuple(
    Control((f"{side}_{axis}",), -1.0 if axis == "y" else 1.0)
    for side in ("left", "right")
    for axis in "xy"
)
_PAD = (*_STICKS, Control(("right", "left")), Control(("up", "down")))
_KEYS = tuple(Control(p, share=0.5) for p in zip("qwerty", "asdfgh", strict=True))
_PAGE_KEYS = tuple(Control(tuple(f"key_{k}" for k in c.names), share=0.5) for c in _KEYS)

LAYOUTS = {
    "gamepad": Layout(
        _PAD,
        ("right_shoulder", "left_shoulder"),
        {
            "estop": "b",
            "release": "right_stick",
            "pause": "start",
            "mode": "y",
            "reset": "back",
            "undo": "x",
            "success": "a",
            "record": "left_stick",
            "quit": "guide",
        },
    ),
    "keyboard": Layout(
        _KEYS,
        ("o", "c"),
        {
            "estop": "escape",
            "release": "f4",
            "pause": "p",
            "mode": "tab",
            "reset": "backspace",
            "undo": "z",
            "success": "return",
            "record": "f2",
            "quit": "f10",
        },
    ),
    "spacemouse": Layout(
        tuple(Control((a,), dead_zone=0.08) for a in ("x", "y", "z", "roll", "pitch", "yaw")),
        ("button1", "button0"),
        {},
    ),
    "lerobot-phone": Layout(
        tuple(Control((a,), dead_zone=0.15) for a in POSE),
        ("phone.raw_inputs.b3", "phone.raw_inputs.b4"),
        {"success": "phone.raw_inputs.b5", "reset": "phone.raw_inputs.b6"},
    ),
    "lerobot-deltas": Layout(
        tuple(Control((f"delta_{a}",), dead_zone=0.05) for a in "xyz"),
        ("gripper_open", "gripper_close"),
        {"success": "success", "reset": "reset"},
    ),
    "lerobot-keyboard": Layout(  # it passes on letters only
        _KEYS,
        ("o", "c"),
        {
            "estop": "x",
            "release": "v",
            "pause": "p",
            "mode": "m",
            "reset": "b",
            "undo": "z",
            "success": "n",
            "record": "l",
        },
    ),
    "cockpit": Layout(_PAD, ("right_shoulder", "left_shoulder"), {"mode": "mode"}, True),
}
#: Further controls of the same dimensions: the page's keys, besides its sticks.
ALSO = {"cockpit": (_PAGE_KEYS, ("key_o", "key_c"))}


def default_mapping(
    device: Device | str, robot: Robot, dims: Collection[int] | None = None
) -> Mapping:
    """The mapping for a device, or a kind of device, on a robot.

    The device's axes or pairs of keys drive the dimensions of one group at a time; the event
    `mode` goes to the next. Grippers are on a pair of buttons. A position target moves from where
    it is, so that it stays when the stick is let go; full deflection of any other dimension is
    the end of its range. The web page also has a slider for each dimension; a device without a
    layout has the axis `dimN` for dimension N. With `dims`, the controls drive only those.

    Raises:
        InputError: a leader arm, as no description says which of its joints are the robot's.

    Example:
        >>> arms = Robot("arms", tuple(ActionDim(f"joint{i}") for i in range(12)))
        >>> default_mapping("gamepad", arms).modes
        ('1-6', '7-12')
    """
    mapping = parse_mapping(default_table(device, robot, dims), robot)
    return mapping if dims is None else mapping.only(dims)


def default_table(
    device: Device | str, robot: Robot, dims: Collection[int] | None = None
) -> dict[str, Any]:
    """The tables of :func:`default_mapping`, as a TOML file would have them."""
    kind = device if isinstance(device, str) else device.layout
    layout = LAYOUTS.get(kind)
    own = None if isinstance(device, str) else device.own_table(robot)
    if own is not None:
        return own
    if kind == "lerobot":
        raise InputError(
            f"mapping: expected a TOML file that says which joint of the leader arm moves which "
            f"of {robot.name} (--mapping FILE), got none"
        )
    if layout is None:
        events = ("estop", "mode", "pause", "quit", "record", "release", "reset", "success", "undo")
        return {"each_dim": True, "events": {event: event for event in events}}
    width, events = len(layout.controls), dict(layout.events)
    mine = range(robot.action_dim) if dims is None else sorted(dims)
    others = [d for d in range(robot.action_dim) if d not in mine]
    grippers = [d for d in mine if robot.actions[d].kind == "gripper"]
    apart = grippers if len(grippers) < len(mine) else []
    modes = chunks(robot, width, [*others, *apart])
    if len(modes) > 1 and "mode" not in events:
        grippers, modes = [], chunks(robot, width, others)
        events["mode"] = layout.pair[1]
    several = len(modes) > 1
    if not several:
        events.pop("mode", None)
    table: dict[str, Any] = {
        "each_dim": layout.each_dim,
        "modes": list(modes) if several else [],
        "events": events,
        "axis": [],
        "button": [],
    }
    for controls, pair in ((layout.controls, layout.pair), *_also(kind)):
        for name, driven in modes.items():
            mode = {"mode": name} if several else {}
            for control, dim in zip(controls, driven, strict=False):
                _add(table, control, dim, robot, mode)
        for dim in grippers:
            _add(table, Control(pair), dim, robot, _mode_of(dim, modes, robot) if several else {})
    return table


def chunks(robot: Robot, width: int, omit: list[int] | None = None) -> dict[str, list[int]]:
    """Mode -> its dimensions, at most `width`: groups of the robot, and dimensions in no group.

    A group that contains another is left out in favour of it; one that is too wide is cut. The
    first two of several share a mode where they fit and are in no wider group: arm and wrist of a
    hand.
    """
    left = [d for d in range(robot.action_dim) if d not in (omit or [])]
    groups = {name: set(dims) for name, dims in robot.groups.items()}
    named = {n: d for n, d in groups.items() if not any(other < d for other in groups.values())}
    found: dict[str, list[int]] = {}
    for name, dims in named.items():
        _cut(found, name, [d for d in left if d in dims], width)
        left = [d for d in left if d not in dims]
    _cut(found, "others" if found else "", left, width)
    (first, some), *rest = found.items()
    within = set().union(
        *(d for d in groups.values() if any(other < d for other in groups.values()))
    )
    pair = [*some, *rest[0][1]] if len(rest) > 1 else []
    if pair and len(pair) <= width and not within & set(pair):
        (second, _), *rest = rest
        found = {f"{first} and {second}": pair, **dict(rest)}
    return found


def _cut(found: dict[str, list[int]], name: str, dims: list[int], width: int) -> None:
    for start in range(0, len(dims), width):
        piece = dims[start : start + width]
        number = f" {1 + start // width}" if len(dims) > width else ""
        found[f"{name}{number}" if name else f"{1 + piece[0]}-{1 + piece[-1]}"] = piece


def _also(kind: str) -> list[Any]:
    return [ALSO[kind]] if kind in ALSO else []


def _mode_of(dim: int, modes: dict[str, list[int]], robot: Robot) -> dict[str, str]:
    """A gripper is driven in the mode of its arm, or in all modes if it belongs to none."""
    for dims in robot.groups.values():
        arms = [name for name, chunk in modes.items() if set(chunk) <= set(dims)]
        if dim in dims and len(arms) == 1:
            return {"mode": arms[0]}
    return {}


def _add(
    table: dict[str, Any], control: Control, dim: int, robot: Robot, mode: dict[str, str]
) -> None:
    action = robot.actions[dim]
    jog = bool(latched(robot)[dim]) and action.kind != "gripper"
    if len(control.names) == 1:
        scale = control.sign * control.share * _most(action, jog)
        row = {"axis": control.names[0], "dim": dim, "scale": scale, "jog": jog}
        table["axis"].append({**row, "dead_zone": control.dead_zone, **mode})
        return
    ends = (_most(action, jog), -_most(action, jog)) if jog else (action.high, action.low)
    for button, end in zip(control.names, ends, strict=True):
        row = {"button": button, "dim": dim, "value": control.share * end, "jog": jog}
        table["button"].append({**row, **mode})


def _most(action: ActionDim, jog: bool) -> float:
    """Value at full deflection: the rate of a position target [1/s], or the action."""
    return (action.high - action.low) / CROSSING if jog else max(abs(action.low), abs(action.high))
