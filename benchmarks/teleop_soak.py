"""A long drive by a scripted page and a scripted device: memory, watchdog, latency."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fresh import policy_of
from mac_control.cli import run
from mac_control.cockpit import PATIENCE, Cockpit
from mac_control.envs import make_kitchen
from mac_control.errors import MacControlError
from mac_control.files import write_json
from mac_control.parallel import one_thread
from mac_control.teleop.assemble import assemble_operator
from mac_control.teleop.devices.network import Inbox, Network
from mac_control.teleop.loop import Teleoperation
from mac_control.teleop.operator import MultiDeviceOperator
from mac_control.teleop.pacing import Pacer, share_promptly
from mac_control.teleop.step import Step

RATE = 12.5


@dataclass
class Args:
    """Drive for long: a scripted page takes and hands back, a scripted device falls silent.

    The device (a WebSocket client on dimensions 5 to 8) drives for a while, then falls silent
    without notice; the page drives dimensions 0 to 4. With `--browser` the page is a Chromium.
    The robot runs first in real time, then faster, always in one process on one core; the drivers
    use the other cores, as Chromium's drawing would delay whatever shares its core.
    """

    policy: str = "mac"
    """Checkpoint, or the name of an untrained policy of default size."""
    hours: float = 1.0
    """Hours of simulated driving, faster than real time."""
    speed: float = 10.0
    """Multiple of real time: a control period is 80 ms of the robot's time and passes 'speed' times
    as fast."""
    real_time: float = 120.0
    """Time of driving in real time before that [s]."""
    browser: str | None = None
    """Path of a Chromium to drive by Playwright; None: a client that speaks as the page does."""
    render: bool = False
    """Let the Chromium draw the kitchen too, on the CPU."""
    seed: int = 0
    """Seed of the script."""
    out: Path | None = None
    """JSON file for the figures."""


@dataclass
class Watched:
    """A source of commands: whether it may still drive, and how long its commands take."""

    source: Inbox
    patience: float
    dims: slice
    missed: int = 0
    silences: int = 0
    silent: bool = False
    changed: float = float("-inf")
    ways: list[float] = field(default_factory=list)  # from the sender to here [s]

    def look(self, step: Step, before: float) -> None:
        """One step; the one before it was over at `before`."""
        state = self.source.read()
        # Already silent for too long when this step began: its dimensions are the robot's.
        silent = before - state.received > self.patience
        self.silences += silent and not self.silent
        self.missed += silent and bool(step.given[self.dims].any())
        self.silent = silent
        if "sent" in state.axes and state.changed > self.changed:
            self.ways.append(state.changed - state.axes["sent"])
            self.changed = state.changed


def main(args: Args) -> int | None:
    period = 1 / (RATE * args.speed)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    share_promptly()
    figures: dict[str, Any] = {
        "policy": args.policy,
        "page": f"Chromium, {'with' if args.render else 'without'} the 3D view"
        if args.browser
        else "client",
    }
    with one_thread():
        env = make_kitchen(max_episode_steps=280)
        cockpit, device = Cockpit(port=0), Network(port=0)
        operators = [
            assemble_operator(cockpit.inbox, env, patience=PATIENCE),
            assemble_operator(device, env),
        ]
        loop = Teleoperation(env, policy_of(args.policy), MultiDeviceOperator(operators), rate=RATE)
        cockpit.serve(loop)
        page = ["client", cockpit.url, str(period)]
        if args.browser is not None:
            page = ["chromium", cockpit.url, args.browser, "render" if args.render else ""]
        with Script(*page) as browser:
            for name, speed, steps in (
                ("real time", 1.0, round(args.real_time * RATE)),
                (f"{args.speed:g} times real time", args.speed, round(args.hours * 3600 * RATE)),
            ):
                loop.pacer = Pacer(RATE, speed)
                operators[1].patience = 3 * loop.pacer.period
                if steps:
                    figures[name] = drive(loop, cockpit, device, browser, steps, args.seed)
        said = [float(line) for line in browser.said[1:]]
        if len(said) > 2:
            figures["memory of the browser at first, half and last [MiB]"] = [
                said[i] for i in (1, len(said) // 2, -1)
            ]
        loop.operator.close()
        cockpit.close()
        env.close()
    print(json.dumps(figures, indent=2))
    if args.out is not None:
        write_json(args.out, figures)
    return int(any(f["missed watchdogs"] for f in figures.values() if isinstance(f, dict)))


def drive(
    loop: Teleoperation, cockpit: Cockpit, device: Network, browser: Script, steps: int, seed: int
) -> dict[str, Any]:
    """Figures of this many steps, counted once every source drives."""
    period = loop.pacer.period
    page = Watched(cockpit.inbox, PATIENCE, slice(0, 5))
    other = Watched(device, loop.operator.operators[1].patience, slice(5, 9))
    latencies, memory, driven, before = [], [], 0, float("-inf")

    def watch(step: Step | None) -> None:
        nonlocal driven, before
        cockpit.show(step)
        assert step is not None
        for source in (page, other):
            source.look(step, before)
        if step.latency is not None:
            latencies.append(1e3 * step.latency)
        driven += bool(step.given.any())
        if loop.pacer.steps % 1000 == 1:
            memory.append((loop.pacer.steps, _resident()))
        before = time.monotonic()

    with Script("device", f"ws://127.0.0.1:{device.port}/", period, seed) as talker:
        for talks in (talker, browser):
            while not talks.ready:
                loop.run(5, cockpit.show)
        loop.pacer = Pacer(RATE, 1 / (RATE * period))
        began = time.monotonic()
        loop.run(steps, watch)
        took = time.monotonic() - began
    resident = np.array(memory)
    half = resident[len(resident) // 2 :]
    return {
        "simulated hours": steps / RATE / 3600,
        "times real time": steps / RATE / took,
        "steps": steps,
        "steps driven": driven,
        "silences of the device": other.silences,
        "silences of the page": page.silences,
        "missed watchdogs": page.missed + other.missed,
        "control period [ms]": 1e3 * period,
        "changes": len(latencies),
        "device to action, median and p99 [ms]": _quantiles(latencies),
        "way to the server before that, median and p99 [ms]": _quantiles(
            1e3 * np.array(other.ways)
        ),
        "lateness of the last 1000 actions, median and p99 [ms]": [
            1e3 * late for late in loop.pacer.jitter()
        ],
        "overruns": loop.pacer.overruns,
        "resident memory at first, half and last [MiB]": [
            float(resident[i, 1]) for i in (0, len(resident) // 2, -1)
        ],
        "growth in the second half [MiB/h]": float(np.polyfit(*half.T, 1)[0]) * 3600 * RATE
        if len(half) > 2
        else None,
    }


class Script:
    """A process of `teleop_script`, until the block ends."""

    def __init__(self, *words: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.teleop_script", *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        self.said.extend(iter(self._process.stdout.readline, ""))

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._listener.join()

    @property
    def ready(self) -> bool:
        """Whether the process drives; raises where it has died."""
        if self._process.poll() is not None:
            raise MacControlError(f"script: expected it to drive, got exit {self._process.poll()}")
        return bool(self.said)


def _quantiles(values: Any) -> list[float]:
    return [float(x) for x in np.percentile(values, (50, 99))] if len(values) else []


def _resident() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    run(main)
