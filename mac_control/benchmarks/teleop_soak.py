"""A long drive by a scripted page and a scripted device: memory, watchdog, latency."""

from __future__ import annotations

import json
import resource
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.benchmarks.fresh import policy_of
from mac_control.cli import run
from mac_control.cockpit import Cockpit
from mac_control.envs import make_kitchen
from mac_control.files import write_json
from mac_control.parallel import one_thread
from mac_control.teleop.assemble import assemble_operator
from mac_control.teleop.device import needs
from mac_control.teleop.devices.network import Network
from mac_control.teleop.loop import Teleoperation
from mac_control.teleop.operator import Together
from mac_control.teleop.step import Step

#: Ticks or unticks a dimension, pulls its slider, or hands everything back.
TOUCH = """([d, x, mine, back]) => {
    if (back) return document.getElementById("handback").click();
    const box = document.getElementById(`mine${d}`), slider = document.getElementById(`dim${d}`);
    if (box.checked !== mine) box.click();
    if (mine) { slider.value = x; slider.dispatchEvent(new Event("input")); }
}"""


@dataclass
class Args:
    """Drive for long: a scripted page takes and hands back, a scripted device falls silent.

    The device (a WebSocket client on dimensions 5 to 8) drives for a while, then goes silent
    without a word; the page drives dimensions 0 to 4. With `--browser` the page is a Chromium.
    """

    policy: str = "mac"
    """Checkpoint, or the name of an untrained policy of default size."""
    hours: float = 1.0
    """Of simulated driving."""
    speed: float = 10.0
    """Times real time."""
    browser: str | None = None
    """Path of a Chromium to drive by Playwright; None: a client that speaks as the page does."""
    seed: int = 0
    """Of the script."""
    out: Path | None = None
    """JSON file for the figures."""


@dataclass
class Watched:
    """What is looked at in every step."""

    patience: float
    device: Any
    missed: int = 0
    silences: int = 0
    driven: int = 0
    memory: list[tuple[int, float]] = field(default_factory=list)  # step, resident [MiB]
    before: float = float("-inf")  # when the last step was over
    was_silent: bool = False


def main(args: Args) -> int | None:
    rate = 12.5
    steps = round(args.hours * 3600 * rate)
    with one_thread():
        env = make_kitchen(max_episode_steps=280)
        period = 1 / (rate * args.speed)
        patience = 3 * period
        cockpit = Cockpit(port=0)
        device = Network(port=0)
        settings = {"rate": rate, "patience": patience}
        together = Together(
            [
                assemble_operator(cockpit.inbox, env, **settings),
                assemble_operator(device, env, **settings),
            ]
        )
        loop = Teleoperation(env, policy_of(args.policy), together, rate=rate, speed=args.speed)
        cockpit.serve(loop)
        stop = threading.Event()
        talkers = [
            threading.Thread(target=_device, args=(device.port, period, stop, args.seed)),
            threading.Thread(target=_page, args=(cockpit.url, args.browser, period, stop)),
        ]
        for talker in talkers:
            talker.start()
        watched = Watched(patience, device)
        began = time.monotonic()
        loop.run(steps, lambda step: _watch(loop, cockpit, watched, step))
        took = time.monotonic() - began
        stop.set()
        for talker in talkers:
            talker.join(timeout=30)
        figures = _figures(args, loop, watched, steps, took)
        together.close()
        cockpit.close()
        env.close()
    print(json.dumps(figures, indent=2))
    if args.out is not None:
        write_json(args.out, figures)
    return 0 if figures["missed watchdogs"] == 0 else 1


def _watch(loop: Teleoperation, cockpit: Cockpit, watched: Watched, step: Step | None) -> None:
    cockpit.show(step)
    assert step is not None
    now, heard = time.monotonic(), watched.device.read().heard
    watched.driven += bool(step.given.any())
    # Silent for too long already when this step began: then its dimensions are the robot's in it.
    silent = watched.before - heard > watched.patience
    watched.silences += silent and not watched.was_silent
    watched.missed += silent and bool(step.given[5:].any())
    watched.was_silent, watched.before = silent, now
    if loop.pacer.steps % 1000 == 0:
        watched.memory.append((loop.pacer.steps, _resident()))


def _figures(
    args: Args, loop: Teleoperation, watched: Watched, steps: int, took: float
) -> dict[str, Any]:
    latency = 1e3 * np.array(loop.latencies)
    middle, high = loop.pacer.jitter()
    memory = np.array(watched.memory)
    half = memory[len(memory) // 2 :]
    slope = float(np.polyfit(half[:, 0], half[:, 1], 1)[0]) if len(half) > 2 else 0.0
    return {
        "policy": args.policy,
        "page": "Chromium" if args.browser else "client",
        "simulated hours": args.hours,
        "speed asked": args.speed,
        "speed reached": steps / loop.rate / took,
        "steps": steps,
        "steps driven": watched.driven,
        "silences": watched.silences,
        "missed watchdogs": watched.missed,
        "control period [ms]": 1e3 * loop.pacer.period,
        "device to action, median [ms]": float(np.median(latency)),
        "device to action, p99 [ms]": float(np.percentile(latency, 99)),
        "changes measured": len(latency),
        "lateness of the last 1000 steps, median and p99 [ms]": [1e3 * middle, 1e3 * high],
        "overruns": loop.pacer.overruns,
        "resident memory at first, half and last [MiB]": [
            float(memory[i, 1]) for i in (0, len(memory) // 2, -1)
        ],
        "growth in the second half [MiB/h]": slope * 3600 * loop.rate,
    }


def _resident() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _device(port: int, period: float, stop: threading.Event, seed: int) -> None:
    """Drives, lets go, and now and then falls silent without closing its connection."""
    connect = needs("websockets.sync.client", "network").connect
    rng = np.random.default_rng(seed)
    with connect(f"ws://127.0.0.1:{port}/") as client:
        axes: dict[str, float] = {}
        while not stop.is_set():
            luck = rng.random()
            if luck < 0.005:
                time.sleep(30 * period)  # silent
            elif luck < 0.1:
                dims = rng.permutation(np.arange(5, 9))[: rng.integers(0, 5)]
                axes = {
                    f"dim{d}": float(x) for d, x in zip(dims, rng.uniform(-1, 1, 4), strict=False)
                }
            client.send(json.dumps({"axes": axes}))
            time.sleep(period * float(rng.uniform(0.3, 1.0)))


def _page(url: str, browser: str | None, period: float, stop: threading.Event) -> None:
    """Takes and hands back dimensions 0 to 4, as the page does or through it."""
    if browser is not None:
        return _chromium(url, browser, stop)
    connect = needs("websockets.sync.client", "network").connect
    rng = np.random.default_rng(1)
    with connect(url.replace("http", "ws") + "ws") as client:
        reader = threading.Thread(target=lambda: [0 for _ in client], daemon=True)
        reader.start()
        said: dict[str, Any] = {"axes": {}, "buttons": []}
        while not stop.is_set():
            if rng.random() < 0.05:
                d = int(rng.integers(0, 5))
                said = {"axes": {f"dim{d}": float(rng.uniform(-1, 1))}, "buttons": [f"mine{d}"]}
            elif rng.random() < 0.05:
                said = {"axes": {}, "buttons": []}
            client.send(json.dumps(said))
            time.sleep(period / 2)


def _chromium(url: str, path: str, stop: threading.Event) -> None:
    playwright = needs("playwright.sync_api", "cockpit")
    rng = np.random.default_rng(1)
    with playwright.sync_playwright() as tools:
        # Without WebGL: the page and its messages are under test, not a software renderer.
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        chromium = tools.chromium.launch(executable_path=path, args=flags)
        page = chromium.new_page(viewport={"width": 1000, "height": 800})
        page.set_default_timeout(120_000)
        page.goto(url)
        page.wait_for_selector("#mine4")
        while not stop.is_set():
            # By script, not by mouse: Playwright's mouse waits for frames that nobody draws here.
            d, x = int(rng.integers(0, 5)), float(rng.uniform(-1, 1))
            page.evaluate(TOUCH, [d, x, bool(rng.random() < 0.5), bool(rng.random() < 0.2)])
            time.sleep(float(rng.uniform(0.02, 0.2)))
        chromium.close()


if __name__ == "__main__":
    run(main)
