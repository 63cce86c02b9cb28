"""The cockpit: what the page shows of the loop, and what it asks of it."""

from __future__ import annotations

import socket
import time
from typing import Any

import numpy as np

from mac_control.cockpit.front import Front, check_command
from mac_control.cockpit.sticks import stick_labels
from mac_control.cockpit.view import View
from mac_control.envs import robot_of
from mac_control.envs.abilities import camera_of, scene_of, subtasks_of
from mac_control.envs.shared_autonomy import check_fit
from mac_control.errors import InputError, MacControlError
from mac_control.partial import PartialAction
from mac_control.robot import Robot
from mac_control.teleop.assemble import assemble_policy, own_mapping
from mac_control.teleop.devices.network import Inbox
from mac_control.teleop.jog import latched, measured
from mac_control.teleop.loop import Teleoperation
from mac_control.teleop.messages import check_bind
from mac_control.teleop.step import Step

#: A page may be silent for so long [s]: drawing the scene can hold up its messages. One that is
#: closed or unplugged is noticed at once.
PATIENCE = 0.3
#: The page is shown this often at most [1/s].
FRAMES = 25.0


class Cockpit:
    """A web page to drive from: serves it, shows each step, takes commands.

    The page that drives is the first that touches the controls; another may take the wheel. An
    emergency stop is taken from any.

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
        self._shown = float("-inf")
        self._about_robot: dict[str, Any] = {}  # what a page is told of it, once and for all

    @property
    def url(self) -> str:
        """Where the page is."""
        host, port, _, token = self._address
        host = _reachable(host)
        port = self._front.port if self._front else port
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{port}/" + (f"?token={token}" if token else "")

    def serve(self, loop: Teleoperation, policies: list[str] | None = None) -> None:
        """Open the page for `loop`; `policies` are checkpoints to choose from, the first in use."""
        self._loop, self._policies = loop, list(policies or [])
        robot = robot_of(loop.env)
        self._about_robot = {**self._describe(robot), "tasks": list(subtasks_of(loop.env))}
        model, data = scene_of(loop.env)
        if model is not None:
            self._view = View(model, camera_of(loop.env))
            self._view.update(data)
        view = self._view
        self._front = Front(
            *self._address,
            None if view is None else view.port,
            b"" if view is None else view.page,
            self._heard,
            self._left,
        )

    def show(self, step: Step | None) -> None:
        """Show a step, or that the loop is paused; called by the loop."""
        now = time.monotonic()
        if self._front is None or self._loop is None or now - self._shown < 1 / FRAMES - 0.005:
            return
        self._shown = now
        _, data = scene_of(self._loop.env)
        if self._view is not None:
            self._view.update(data)
        self._front.publish(self._state(step))

    def close(self) -> None:
        """Close the page."""
        for part in (self._front, self._view):
            if part is not None:
                part.close()

    def _state(self, step: Step | None) -> dict[str, Any]:
        loop = self._loop
        assert loop is not None
        middle, high = loop.pacer.jitter()
        latencies = list(loop.latencies)[-200:]
        state: dict[str, Any] = {
            **self._about_robot,
            "view": self._view is not None,
            "low": loop.low.tolist(),
            "high": loop.high.tolist(),
            "rest": _rounded(loop.transfer.rest),
            "done": loop.info.get("tasks_done", []),
            "episode": loop.episode,
            "step": loop.steps,
            "rate": loop.rate,
            "reward": loop.reward,
            "paused": loop.paused,
            "stopped": loop.stopped,
            "recording": loop.recording and loop.recorder is not None,
            "episodes": getattr(loop.recorder, "episodes", None),
            "policies": self._policies,
            "policy": self._policy,
            "driver": self._driver,
            "late": [1e3 * middle, 1e3 * high],
            "overruns": loop.pacer.overruns,
            "latency": 1e3 * float(np.median(latencies)) if latencies else None,
            "heartbeat": 1e3 * min(0.02, loop.pacer.period / 4),
        }
        positions = measured(loop.robot, loop.obs)
        if np.isfinite(positions).all():
            state["qpos"] = np.round(positions, 4).tolist()
        if step is not None:
            state |= self._about(loop, step)
        return state

    def _describe(self, robot: Robot) -> dict[str, Any]:
        mapping = own_mapping(self.inbox, robot)
        return {
            "names": list(robot.labels),
            "latched": latched(robot).tolist(),
            "hand": mapping.task_space is not None,  # whether the sticks move this robot's hand
            "sticks": stick_labels(mapping, robot),
            "grips": any(action.kind == "gripper" for action in robot.actions),
        }

    def _about(self, loop: Teleoperation, step: Step) -> dict[str, Any]:
        partial = PartialAction(step.values, step.given)
        spread = loop.guard.ask("uncertainty", loop.policy.uncertainty, step.obs, partial)
        likelihood = None
        if step.given.any():
            likelihood = loop.guard.ask("log_prob", loop.policy.log_prob, step.obs, partial)
        return {
            "status": step.status,
            "mode": step.mode,
            "given": step.given.tolist(),
            "values": _rounded(step.values),
            "filled": _rounded(step.filled),
            "action": _rounded(step.action),
            "moving": loop.transfer.moving.tolist(),
            "intent": next(iter(loop.policy.inferred_intent), None),
            "spread": None if spread is None else _rounded(spread),
            "log_prob": None if likelihood is None else float(likelihood),
            "unlikely": likelihood is not None
            and float(likelihood) < unlikely_below(step.given, loop.low, loop.high),
        }

    def _heard(self, client: int, text: str | bytes) -> None:
        """A message of a page; runs in the front's thread."""
        loop, front = self._loop, self._front
        if loop is None or front is None:
            return
        try:
            command = check_command(text)
            if command is None:
                self._drive(client, text)
            elif command[0] == "wheel":
                self._take(client)
            elif command[0] == "estop" or self._driver in (None, client):
                self._obey(*command)
            else:
                front.note("Another page drives; take the wheel first.", client)
        except MacControlError as error:
            front.note(str(error), client)

    def _drive(self, client: int, text: str | bytes) -> None:
        if self._driver is None:
            self._driver = client
        if self._driver == client:
            self.inbox.put(text)

    def _take(self, client: int) -> None:
        self.inbox.clear()
        self._driver = client

    def _left(self, client: int) -> None:
        if self._driver == client:
            self._driver = None
            self.inbox.clear()

    def _obey(self, command: str, argument: Any) -> None:
        assert self._loop is not None
        if command == "policy":
            index = argument if type(argument) is int else -1
            if not 0 <= index < len(self._policies):
                raise InputError(f"policy: expected one of {len(self._policies)}, got {argument!r}")
            policy = assemble_policy(self._policies[index], self._loop.env)
            check_fit(self._loop.env, policy)
            self._policy, argument = index, policy
        elif command == "undo":
            fits = isinstance(argument, int | float) and 0 < argument < 1e3
            argument = float(argument) if fits else 2.0
        else:
            argument = None
        self._loop.post(command, argument)


def _reachable(host: str) -> str:
    """An address that another machine can open, where `host` means all of this one's."""
    if host not in ("0.0.0.0", "::"):
        return host
    family, elsewhere = socket.AF_INET, "192.0.2.1"
    if host == "::":
        family, elsewhere = socket.AF_INET6, "2001:db8::1"
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((elsewhere, 9))  # sends nothing: asks which of ours would be used
        except OSError:
            return host
        return str(probe.getsockname()[0])


def _rounded(values: np.ndarray) -> list[float]:
    return np.round(np.asarray(values, float), 3).tolist()


def unlikely_below(given: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Log-likelihood below which given entries are unusual [nats].

    A tenth of the density of a uniform guess in the action box `[low, high]`, per given dimension.

    Example:
        >>> bool(np.isclose(unlikely_below(np.array([True]), -np.ones(1), np.ones(1)), -np.log(20)))
        True
    """
    return float(-np.log(10 * (high - low)[given]).sum())
