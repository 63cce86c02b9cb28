"""Time from a device's message to the action that reaches the environment."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from benchmarks.fresh import policy_of
from mac_control.envs import make_kitchen
from mac_control.parallel import one_thread
from mac_control.policies import Policy
from mac_control.teleop.assemble import assemble_operator
from mac_control.teleop.devices.network import Inbox
from mac_control.teleop.loop import Teleoperation


@dataclass
class Args:
    """Time from a message of a device to the action in the environment, model included.

    Each message changes the command; the next control step starts at once, on one core. The time
    runs from the text of the message to the call of the environment's `step`.
    """

    policies: tuple[str, ...] = ("bc", "mac")
    """Checkpoints, or names of untrained policies of default size."""
    given: tuple[int, ...] = (1, 3, 5, 7)
    """How many dimensions the device drives."""
    steps: int = 300
    """Measured steps of each policy."""


class Stamped(gymnasium.Wrapper):
    """Notes when an action arrives; does not simulate, as that time is not measured."""

    arrived = (0.0, 0.0)

    def step(self, action: np.ndarray) -> tuple[Any, ...]:
        self.arrived = time.perf_counter(), time.thread_time()
        return self.obs, 0.0, False, False, {}

    def reset(self, **options: Any) -> tuple[Any, ...]:
        self.obs, info = self.env.reset(**options)
        return self.obs, info


def main(args: Args) -> int | None:
    print("policy  driven  median [ms]  p99 [ms]  median of CPU time [ms]  (one core)")
    rows: list[tuple[str, dict[str, Any]]] = [
        (f"{k} dims", {"axes": {f"dim{d}": 0.1 for d in range(k)}}) for k in args.given
    ]
    rows.append(("a stick, in space", {"axes": {"left_y": 0.1}}))
    with one_thread():
        for name in args.policies:
            policy = policy_of(name)
            for label, message in rows:
                wall, cpu = measure(policy, message, args.steps).T
                print(
                    f"{name}  {label}  {np.median(wall):.2f}  {np.percentile(wall, 99):.2f}  "
                    f"{np.median(cpu):.2f}"
                )


def measure(policy: Policy, message: dict[str, Any], steps: int) -> np.ndarray:
    """Wall-clock and CPU time of each step [ms], `(steps, 2)`."""
    env = Stamped(make_kitchen())
    inbox = Inbox()
    inbox.mapping = "cockpit"
    loop = Teleoperation(env, policy, assemble_operator(inbox, env, patience=10.0))
    times = np.zeros((steps, 2))
    rng = np.random.default_rng(0)
    warm_up = 20
    for index in range(-warm_up, steps):
        axes = {name: float(rng.uniform(0.2, 1)) for name in message["axes"]}
        text = json.dumps({"axes": axes})
        start = time.perf_counter(), time.thread_time()
        inbox.put(text)
        step = loop.step()
        assert step is not None and step.given.any()
        if index >= 0:
            times[index] = 1e3 * (np.array(env.arrived) - start)
    env.close()
    return times
