"""The drivers of `teleop-soak`: a scripted device and a scripted page, each in its own process.

They stop when their standard input ends, so also when the process that started them dies.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.teleop.device import needs

#: Ticks or unticks a dimension, moves its slider, hands everything back, or undoes that.
TOUCH = """([d, x, luck]) => {
    if (luck < 0.2) return document.getElementById("handback").click();
    if (luck < 0.22) return document.getElementById("undo").click();
    const box = document.getElementById(`mine${d}`), slider = document.getElementById(`dim${d}`);
    const mine = luck < 0.6;
    if (box.checked !== mine) box.click();
    if (mine) { slider.value = x; slider.dispatchEvent(new Event("input")); }
}"""


def device(url: str, period: float, stop: threading.Event, seed: int = 0) -> None:
    """Drives dimensions 5 to 8, lets go, and now and then is silent with its connection open.

    The axis `sent` says when its state last changed, on the clock `time.monotonic` [s].
    """
    rng = np.random.default_rng(seed)
    with needs("websockets.sync.client", "network").connect(url) as client:
        axes: dict[str, float] = {}
        print("ready", flush=True)
        while not stop.is_set():
            luck = rng.random()
            if luck < 0.005:
                time.sleep(30 * period)  # silent
            elif luck < 0.1:
                dims = rng.permutation(np.arange(5, 9))[: rng.integers(0, 5)]
                axes = {f"dim{d}": float(rng.uniform(-1, 1)) for d in dims}
                axes["sent"] = time.monotonic()
            client.send(json.dumps({"axes": axes}))
            time.sleep(period * float(rng.uniform(0.3, 1.0)))


def client(url: str, period: float, stop: threading.Event) -> None:
    """Takes and hands back dimensions 0 to 4, and speaks as the page does."""
    rng = np.random.default_rng(1)
    connect = needs("websockets.sync.client", "network").connect
    with connect(url.replace("http", "ws") + "ws") as connection:
        threading.Thread(target=lambda: [0 for _ in connection], daemon=True).start()
        said: dict[str, Any] = {"axes": {}, "buttons": []}
        print("ready", flush=True)
        while not stop.is_set():
            if rng.random() < 0.05:
                d = int(rng.integers(0, 5))
                said = {"axes": {f"dim{d}": float(rng.uniform(-1, 1))}, "buttons": [f"mine{d}"]}
            elif rng.random() < 0.05:
                said = {"axes": {}, "buttons": []}
            connection.send(json.dumps(said))
            time.sleep(period / 2)


def chromium(url: str, path: str, render: str, stop: threading.Event) -> None:
    """The page itself, in a Chromium; prints its memory every two seconds [MiB]."""
    playwright = needs("playwright.sync_api", "test")
    rng = np.random.default_rng(1)
    gl = (
        ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        if render
        else ["--disable-gpu", "--disable-3d-apis"]
    )
    flags = ["--no-sandbox", "--disable-background-networking", *gl]
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=path, args=flags)
        page = browser.new_page(viewport={"width": 1000, "height": 800})
        page.set_default_timeout(120_000)
        page.goto(url)
        page.wait_for_selector("#mine4")
        print("ready", flush=True)
        asked = time.monotonic()
        while not stop.is_set():
            # By script, not by mouse: Playwright's mouse waits for frames, which may be late here.
            d, x, luck = int(rng.integers(0, 5)), float(rng.uniform(-1, 1)), float(rng.random())
            page.evaluate(TOUCH, [d, x, luck])
            if time.monotonic() - asked > 2:
                asked = time.monotonic()
                print(f"{_memory(os.getpid()):.1f}", flush=True)
            time.sleep(float(rng.uniform(0.02, 0.2)))
        browser.close()


def leave_the_robots_core() -> None:
    """Use the other cores, like a browser on its own machine; else yield to the robot."""
    others = set(range(os.cpu_count() or 1))
    if hasattr(os, "sched_setaffinity"):
        others -= os.sched_getaffinity(0)
        if others:
            os.sched_setaffinity(0, others)
    if not others:
        os.nice(10)


def _memory(root: int) -> float:
    """Memory of the Chromium processes that descend from `root`, shared pages shared out [MiB]."""
    parents, total = {}, 0.0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (entry / "stat").read_text().rpartition(") ")
            parents[int(entry.name)] = int(rest.split()[1])
            if "chrom" in name and _descends(int(entry.name), root, parents):
                rollup = (entry / "smaps_rollup").read_text()
                total += int(rollup.split("Pss:")[1].split()[0]) / 1024
        except (OSError, IndexError, ValueError):
            continue  # the process has just ended
    return total


def _descends(process: int, root: int, parents: dict[int, int]) -> bool:
    while process in parents and process != root:
        process = parents[process]
    return process == root


if __name__ == "__main__":
    who, *rest = sys.argv[1:]
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    leave_the_robots_core()
    if who == "device":
        device(rest[0], float(rest[1]), ended, int(rest[2]))
    elif who == "client":
        client(rest[0], float(rest[1]), ended)
    else:
        chromium(rest[0], rest[1], rest[2], ended)
