"""The cockpit: connects the page with the loop."""

from __future__ import annotations

import secrets
import threading
import time
from typing import Any

import numpy as np

from mac_control.cockpit.address import reachable
from mac_control.cockpit.cameras import CAMERAS
from mac_control.cockpit.front import Front, check_command
from mac_control.cockpit.state import of_loop, of_step, trust_of
from mac_control.cockpit.sticks import folds, stick_labels
from mac_control.cockpit.view import View
from mac_control.envs import robot_of
from mac_control.envs.abilities import camera_of, scene_of, subtasks_of
from mac_control.envs.shared_autonomy import check_fit
from mac_control.errors import InputError, MacControlError, one_line
from mac_control.teleop.assemble import assemble_policy, own_mapping
from mac_control.teleop.devices.network import Inbox
from mac_control.teleop.jog import latched, measured
from mac_control.teleop.keys import key_table
from mac_control.teleop.loop import Teleoperation
from mac_control.teleop.messages import check_bind
from mac_control.teleop.step import Step

#: How long a page may be silent [s]: drawing the scene can hold up its messages. A page that is
#: closed or disconnected is noticed at once.
PATIENCE = 0.3
#: Largest update rate of the page [1/s].
FRAMES = 25.0
#: Most given joints that are marked in the scene; more would hide the arm.
MARKED = 3


class Cockpit:
    """A web page to drive from: serves it, shows each step, takes commands.

    The first page that touches the controls drives; another may take over. Any page may trigger an
    emergency stop.

    Args:
        host, port, remote, token: where to listen; see `Front`.

    Raises:
        InputError: an address that is not safe.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 8765,
        remote: bool = False,
        token: str | None = None,
    ) -> None:
        check_bind(host, port, remote, token)
        self._address = (host, port, remote, token)
        self.inbox = Inbox()
        self.inbox.mapping = "cockpit"
        self._front: Front | None = None
        self._view: View | None = None
        self._loop: Teleoperation | None = None
        self._driver: int | None = None
        self._policies: list[str] = []
        self._policy = 0
        self._loading = threading.Lock()
        self._shown = float("-inf")
        self._pointed: int | None = None  # dimension whose slider is touched
        self._fixed: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """The page's address."""
        host, port, _, token = self._address
        host = reachable(host)
        port = self._front.port if self._front else port
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{port}/" + (f"?token={token}" if token else "")

    def serve(self, loop: Teleoperation, policies: list[str] | None = None) -> None:
        """Open the page for `loop`; `policies`: checkpoints to choose from, the first in use."""
        self._loop, self._policies = loop, list(policies or [])
        robot = robot_of(loop.env)
        mapping = own_mapping(self.inbox, robot)
        model, data = scene_of(loop.env)
        self._fixed = {
            "boot": secrets.token_hex(4),  # if it changes, the page reloads itself
            "names": list(robot.labels),
            "groups": {name: list(dims) for name, dims in robot.groups.items()},
            "folds": folds(robot),
            "keys": [list(row) for row in key_table(mapping, robot.labels, "key_")],
            "sticks": stick_labels(mapping, robot),
            "latched": latched(robot).tolist(),
            "grips": any(action.kind == "gripper" for action in robot.actions),
            "view": model is not None,
            "hand": mapping.task_space is not None,  # whether the sticks move this robot's hand
            "low": loop.low.tolist(),
            "high": loop.high.tolist(),
            "tasks": list(subtasks_of(loop.env)),
            "policies": self._policies,
            "keepall": getattr(loop.recorder, "keep_all", True),
        }
        if model is not None:
            self._view = View(model, robot, camera_of(loop.env))
            self._view.update(data)
        view = self._view
        self._front = Front(
            *self._address,
            None if view is None else view.port,
            b"" if view is None else view.page,
            self._heard,
            self._left,
        )
        for part in (loop, loop.recorder):
            if hasattr(part, "notify"):
                part.notify = self._front.note
        self._front.publish(self._state(None))

    def show(self, step: Step | None) -> None:
        """Show a step, or that the loop is paused; called by the loop."""
        now = time.monotonic()
        if self._front is None or self._loop is None or now - self._shown < 1 / FRAMES - 0.005:
            return
        self._shown = now
        if self._view is not None:
            _, data = scene_of(self._loop.env)
            lit = set() if self._pointed is None else {self._pointed}
            if step is not None and step.given.sum() <= MARKED:
                lit |= set(np.flatnonzero(step.given).tolist())
            moves = step is not None and not step.stopped
            self._view.update(data, step.action if step is not None and moves else None, lit)
        self._front.publish(self._state(step))

    def close(self) -> None:
        """Close the page."""
        for part in (self._front, self._view):
            if part is not None:
                part.close()

    def _state(self, step: Step | None) -> dict[str, Any]:
        loop = self._loop
        assert loop is not None
        state = {**self._fixed, **of_loop(loop), "policy": self._policy, "driver": self._driver}
        positions = measured(loop.robot, loop.obs)
        if np.isfinite(positions).all():
            state["qpos"] = np.round(positions, 4).tolist()
        return state if step is None else state | of_step(loop, step)

    def _heard(self, client: int, text: str | bytes) -> None:
        """Handle a page's message; runs in the front's thread."""
        loop, front = self._loop, self._front
        if loop is None or front is None:
            return
        try:
            command = check_command(text)
            if command is None:
                self._drive(client, text)
            elif command[0] == "wheel":
                self._take(client)
            elif command[0] == "estop":
                loop.post("estop")
            elif self._driver not in (None, client):
                front.note("Another page drives: press Take over first", client, bad=True)
            elif command[0] in ("camera", "point"):
                self._look(*command)
            else:
                self._driver = client
                self._obey(client, *command)
        except MacControlError as error:
            front.note(str(error), client, bad=True)

    def _drive(self, client: int, text: str | bytes) -> None:
        if self._driver in (None, client) and self.inbox.put(text):
            self._driver = client

    def _load(self, client: int, index: int) -> None:
        loop, front = self._loop, self._front
        assert loop is not None and front is not None
        try:
            policy = assemble_policy(self._policies[index], loop.env)
            check_fit(loop.env, policy)
            self._policy = index
            loop.post("policy", policy)
        except Exception as error:  # whatever a damaged checkpoint raises, driving goes on
            front.note(one_line(error), client, bad=True)
        finally:
            self._loading.release()

    def _take(self, client: int) -> None:
        self.inbox.clear()
        self._driver, self._pointed = client, None

    def _left(self, client: int) -> None:
        if self._driver == client:
            self._driver = self._pointed = None
            self.inbox.clear()

    def _look(self, command: str, argument: Any) -> None:
        if command == "point":
            fits = type(argument) is int and 0 <= argument < len(self._fixed["names"])
            self._pointed = argument if fits else None
        elif argument not in CAMERAS:
            raise InputError(f"camera: expected one of {', '.join(CAMERAS)}, got {argument!r}")
        elif self._view is not None:
            self._view.look(argument)

    def _obey(self, client: int, command: str, argument: Any) -> None:
        assert self._loop is not None
        if command == "policy":
            index = argument if type(argument) is int else -1
            if not 0 <= index < len(self._policies):
                raise InputError(f"policy: expected one of {len(self._policies)}, got {argument!r}")
            if not self._loading.acquire(blocking=False):
                raise InputError("policy: expected one at a time, got another while one is loaded")
            # In a thread of its own: meanwhile any page may stop the robot.
            threading.Thread(target=self._load, args=(client, index), daemon=True).start()
            return
        if command == "trust":
            argument = trust_of(argument, self._loop)
        elif command == "undo":
            fits = isinstance(argument, int | float) and 0 < argument < 1e3
            argument = float(argument) if fits else 2.0
        else:
            argument = None
        self._loop.post(command, argument)
