"""From a fresh clone to driving, by the README's own commands: how long does each part take?"""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.page import load, machine
from mac_control.errors import InputError, MacControlError
from mac_control.files import write_json, write_text
from mac_control.teleop.device import needs

ROOT = Path(__file__).parent.parent
#: Part of the procedure -> what it is.
PARTS = {
    "clone": "`git clone` of a repository on the same disk",
    "install": "a new environment and every package, none of them cached",
    "page": "from `mac-control teleoperate` to a page that answers",
    "drive": "from pressing Start and pulling a slider, over the page's connection, to a step of"
    " the robot with that value",
}
#: What is driven: dimension and value.
DIM, VALUE = 3, 0.2


@dataclass
class Args:
    """Clone, install and drive as on a machine without OpenGL and browser (`tests/bare`).

    Packages come from pip's configured index; its cache is not used.
    """

    runs: int = 3
    """Number of runs, each in a new folder; those of this machine in results.json count."""
    out: Path = Path("results/first-minutes")
    """Folder of results.json and README.md."""


def main(args: Args) -> None:
    file, about = args.out / "results.json", machine()
    earlier = json.loads(file.read_text()) if file.exists() else {}
    rows: list[dict[str, Any]] = earlier["rows"] if earlier.get("machine") == about else []
    while len(rows) < args.runs:
        before = load()
        with tempfile.TemporaryDirectory() as folder:
            rows.append({**first_minutes(Path(folder) / "mac-control"), "load": before})
        print(rows[-1], flush=True)
        write_json(file, {"machine": about, "rows": rows})
        write_text(args.out / "README.md", report(rows, about))
    print(report(rows, about))


def first_minutes(clone: Path) -> dict[str, float]:
    """Seconds of each of `PARTS`, in a clone made at this path."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"PIP_NO_CACHE_DIR": "1", "PIP_QUIET": "1"}

    def shell(*lines: str) -> list[str]:
        return [str(ROOT / "tests" / "bare"), "bash", "-ec", "\n".join(lines)]

    start = time.monotonic()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    seconds = {"clone": time.monotonic() - start}

    install, drive = readme_commands(clone)[:2]
    start = time.monotonic()
    done = subprocess.run(
        shell(*install), cwd=clone, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise MacControlError(f"install: expected no error, got {done.stderr.splitlines()[-1:]}")
    seconds["install"] = time.monotonic() - start

    start = time.monotonic()
    with subprocess.Popen(
        shell(install[0], f"exec {drive[0]} --port 0"), cwd=clone, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            url = page_address(process)
            with urllib.request.urlopen(url) as answer:
                assert b"<html" in answer.read()
            seconds["page"] = time.monotonic() - start
            start = time.monotonic()
            drive_as_page(url)
            seconds["drive"] = time.monotonic() - start
        finally:
            os.killpg(process.pid, signal.SIGINT)
    return {part: round(taken, 2) for part, taken in seconds.items()}


def readme_commands(root: Path) -> list[list[str]]:
    """The shell blocks of the README, without comments."""
    text = (root / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [[line.partition("#")[0].strip() for line in block.splitlines()] for block in blocks]
    return [[line for line in block if line] for block in lines]


def page_address(process: subprocess.Popen[str]) -> str:
    """The page's address, as the command prints it."""
    said = []
    for line in process.stdout or ():
        if found := re.search(r"drive at (\S+)", line):
            return found[1]
        said.append(line)
    raise MacControlError(f"teleoperate: expected the address of a page, got {said[-3:]}")


def drive_as_page(url: str, limit: float = 180.0) -> None:
    """Press Start and move a slider, as the page does, until the robot makes a step with it.

    Raises:
        InputError: no such step within the `limit` [s].
    """
    connect = needs("websockets.sync.client", "cockpit").connect
    pulled = {"axes": {f"dim{DIM}": VALUE}, "buttons": [f"mine{DIM}"]}
    end = time.monotonic() + limit
    with connect(url.replace("http", "ws", 1) + "ws") as page:
        started = False
        while time.monotonic() < end:
            state = json.loads(page.recv(timeout=limit))
            if "paused" not in state:
                continue
            if state["paused"] and not started:
                page.send(json.dumps({"command": "pause", "argument": None}))
                started = True
            page.send(json.dumps(pulled))
            given = state.get("given")
            if given and given[DIM] and abs(state["action"][DIM] - VALUE) < 1e-3:
                return
    raise InputError(f"page: expected a driven step within {limit:g} s, got none")


def report(rows: Sequence[dict[str, Any]], about: dict[str, Any]) -> str:
    """The page, as Markdown."""
    middle = {part: statistics.median(row[part] for row in rows) for part in PARTS}
    runs = f"{len(rows)} run{'s' * (len(rows) > 1)}"
    after = max(row["page"] + row["drive"] for row in rows)
    lines = [
        "# From a clone to driving",
        "",
        "How long until a new user drives? Once it is installed,"
        f" {middle['page'] + middle['drive']:.0f} s ({after:.0f} s at most in {runs});"
        f" with clone and install {sum(middle.values()):.0f} s. The README's commands, unchanged,"
        " with OpenGL, display and browser hidden (`tests/bare`), and the policy that ships.",
        "",
        "    python -m benchmarks first-minutes",
        "",
        "| part | what it is | median [s] | all runs [s] |",
        "|---|---|---:|---|",
    ]
    for part, what in PARTS.items():
        each = ", ".join(f"{row[part]:.1f}" for row in rows)
        lines.append(f"| {part} | {what} | {middle[part]:.1f} | {each} |")
    shown = {k: about[k] for k in ("processor", "cores", "memory", "python", "torch")}
    lines += ["", "On " + ", ".join(f"{name} {value}" for name, value in shown.items()) + "."]
    loads = ", ".join(f"{row['load']}" for row in rows)
    lines += [f"Processes that ran or waited to run before each run: {loads}."]
    return "\n".join(lines) + "\n"
