"""Any teleoperator that LeRobot knows: leader arms, phones, gamepads, keyboards."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from mac_control.errors import InputError, MacControlError
from mac_control.lerobot_kinds import make_lerobot
from mac_control.robot import Robot
from mac_control.teleop.device import Device, DeviceError, DeviceState, needs

#: Reach of a phone [m] and its tilt [rad] that count as full deflection.
REACH, TILT = 0.15, 0.6
#: LeRobot's `TeleopEvents` by value -> name in the loop.
EVENTS = {
    "success": "success",
    "failure": "reset",
    "rerecord_episode": "reset",
    "terminate_episode": "reset",
}
#: Axes of a phone: its position and orientation.
POSE = ("phone.x", "phone.y", "phone.z", "phone.roll", "phone.pitch", "phone.yaw")


class LeRobot(Device):
    """A lerobot `Teleoperator`; the numbers in its action are axes, by their names there.

    A phone's pose becomes the axes `phone.x`, ..., `phone.yaw`, 1 at 15 cm or 0.6 rad from where
    it was enabled; keys that are held are buttons, and so is `gripper_open` or `gripper_close`.
    The events of `get_teleop_events` are buttons too: `success`, `reset`, and `intervention`. A
    teleoperator that reports interventions gives nothing while there is none.

    A leader with motors (`feedback_features`) follows the robot in the joints that it does not
    give, so that a joint is in place when it is taken over.

    Args:
        kind: lerobot's name of the teleoperator, such as `so101_leader`.
        teleoperator: an instance of lerobot's class `Teleoperator`, instead of `kind`.
        feedback: whether its motors may be driven.
        options: the fields of its configuration, such as `port`.
    """

    mapping = "lerobot"
    blocks = True  # on a serial line

    def __init__(
        self,
        kind: str | None = None,
        teleoperator: Any = None,
        feedback: bool = True,
        **options: Any,
    ) -> None:
        if (kind is None) == (teleoperator is None):
            got = "both" if kind else "neither; give lerobot:kind=so101_leader:port=..."
            raise InputError(f"lerobot: expected either kind or teleoperator, got {got}")
        self.kind, self._options, self._given = kind, options, teleoperator
        self._wants_feedback = feedback
        self._arm: Any = None
        self._last: tuple[dict[str, float], frozenset[str]] = ({}, frozenset())
        self._changed = float("-inf")
        self._fed: frozenset[str] = frozenset()

    def teleoperator(self) -> Any:
        """The instance of lerobot's class, connected or not.

        Raises:
            DeviceError: lerobot, or the driver of this kind, is not installed.
        """
        if self._given is None:
            self._given = self._make()
        return self._given

    def connect(self) -> None:
        try:
            arm = self.teleoperator()
            if not getattr(arm, "is_connected", False):
                arm.connect()
        except MacControlError:
            raise
        except Exception as error:  # lerobot passes on all errors of drivers
            raise DeviceError(f"lerobot: cannot connect: {error}") from error
        self._arm = arm
        features = getattr(arm, "feedback_features", None) if self._wants_feedback else None
        self._fed = frozenset(features or {})

    def read(self) -> DeviceState:
        if self._arm is None:
            raise DeviceError("lerobot: expected to be connected, got none")
        try:
            axes, buttons = inputs(self._arm.get_action())
            events = getattr(self._arm, "get_teleop_events", dict)()
        except Exception as error:
            with suppress(DeviceError):
                self.close()
            raise DeviceError(f"lerobot: unplugged: {error}") from error
        said = {getattr(event, "value", event): bool(held) for event, held in events.items()}
        pressed = {EVENTS[name] for name, held in said.items() if held and name in EVENTS}
        if said.get("is_intervention"):
            pressed.add("intervention")
        elif "is_intervention" in said:
            axes, buttons = {}, set()
        now = time.monotonic()
        state = axes, frozenset(buttons | pressed)
        if state != self._last:
            self._last, self._changed = state, now
        return DeviceState(*state, now, self._changed)

    def feedback(self, targets: Mapping[str, float]) -> None:
        wanted = {name: float(x) for name, x in targets.items() if name in self._fed}
        if self._arm is None or not self._fed:
            return
        try:
            self._arm.send_feedback(wanted)
        except NotImplementedError:  # most leaders declare feedback without having it
            self._fed = frozenset()

    def own_table(self, robot: Robot) -> dict[str, Any] | None:
        """A leader's joints drive those of the same name, where both are in LeRobot's units."""
        if self.layout != self.mapping:  # not a leader
            return None
        try:
            arm = self.teleoperator()
        except DeviceError:
            return None
        events = {"success": "success", "reset": "reset"}
        names = {a.name.removesuffix(".pos"): a.name for a in robot.actions if a.unit in UNITS}
        keys = _features(arm)
        axes = [
            {"axis": key, "dim": names[key.removesuffix(".pos")], "action": True, "at_zero": True}
            for key in keys
            if key.removesuffix(".pos") in names
        ]
        return {"axis": axes, "events": events} if axes else None

    @property
    def layout(self) -> str:
        """`lerobot` for a leader, otherwise `lerobot-` and its type: phone, deltas or keyboard."""
        try:
            keys = _features(self.teleoperator())
        except DeviceError:
            return self.mapping
        if "phone.pos" in keys:
            return "lerobot-phone"
        if "delta_x" in keys:
            return "lerobot-deltas"
        return self.mapping if keys else "lerobot-keyboard"

    def close(self) -> None:
        arm, self._arm = self._arm, None
        if arm is not None:
            try:
                arm.disconnect()
            except Exception as error:
                raise DeviceError(f"lerobot: cannot disconnect: {error}") from error

    def _make(self) -> Any:
        needs("lerobot", "lerobot")
        try:
            return make_lerobot("teleoperator", str(self.kind), self._options)
        except InputError:
            raise
        except (ImportError, ValueError) as error:
            raise DeviceError(f"lerobot: cannot connect: {error}") from error


#: Units in which a leader's numbers are the robot's: LeRobot's degrees, and percent of the range.
UNITS = ("deg", "%")


def inputs(action: Any) -> tuple[dict[str, float], set[str]]:
    """Axes and buttons from the result of any teleoperator's `get_action`.

    Example:
        >>> axes, buttons = inputs({"delta_x": 0.5, "gripper": 2, "w": None})
        >>> axes, sorted(buttons)
        ({'delta_x': 0.5}, ['gripper_open', 'w'])
    """
    if not isinstance(action, Mapping):
        return {f"joint{i}": float(x) for i, x in enumerate(np.ravel(action))}, set()
    axes: dict[str, float] = {}
    buttons: set[str] = set()
    deltas = any(str(key).startswith("delta_") for key in action)
    for key, value in action.items():
        name = str(getattr(key, "name", None) or getattr(key, "char", None) or key)
        if value is None:  # a key that is held
            buttons.add(name)
        elif name == "gripper" and deltas:  # 0 closes, 1 stays, 2 opens
            ways = {0: {"gripper_close"}, 2: {"gripper_open"}}
            buttons |= ways.get(round(float(value)), set())
        elif isinstance(value, (bool, np.bool_)):
            buttons |= {name} if value else set()
        elif hasattr(value, "as_rotvec"):
            turned = np.asarray(value.as_rotvec(), float) / TILT
            axes |= dict(zip(POSE[3:], turned.tolist(), strict=True))
        elif isinstance(value, Mapping):
            more, held = inputs(value)
            axes |= {f"{name}.{key}": x for key, x in more.items()}
            buttons |= {f"{name}.{key}" for key in held}
        elif np.size(value) == 3 and name == "phone.pos":
            moved = np.asarray(value, float) / REACH
            axes |= dict(zip(POSE[:3], moved.tolist(), strict=True))
        elif np.size(value) == 1:
            axes[name] = float(np.ravel(value)[0])
        else:
            axes |= {f"{name}.{i}": float(x) for i, x in enumerate(np.ravel(value))}
    if action.get("phone.enabled", True) in (False, np.False_):  # carried, not driving
        axes = {name: x for name, x in axes.items() if name not in POSE}
    return axes, buttons


def _features(arm: Any) -> list[str]:
    """Names in a teleoperator's action; some of lerobot's have none, or raise an error."""
    try:
        features = dict(arm.action_features)
    except Exception:
        return []
    names = features.get("names", features)  # lerobot has two forms of it
    if isinstance(names, Mapping) and "motors" in names:
        names = names["motors"]
    return [str(name) for name in names] if not isinstance(names, str) else [names]
