"""Runs the whole test suite repeatedly, on a machine in a named state: how often does it fail?"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from mac_control.errors import InputError, MacControlError
from mac_control.files import locked, write_text
from mac_control.parallel import cores

ROOT = Path(__file__).parent.parent
#: State of the machine -> what it means.
STATES = {
    "full": "OpenGL, browser and display are available",
    "bare": "they are hidden (`tests/bare`)",
    "loaded": "as full, with a busy process beside it on every core",
}
Row = Mapping[str, Any]


@dataclass
class Args:
    """Run the pytest part of `make test` until this commit and state have enough runs.

    Real data are used where MAC_CONTROL_DATA names them; runs with and without are counted
    separately.
    """

    state: Literal["full", "bare", "loaded"] = "full"
    """State of the machine."""
    runs: int = 10
    """Number of runs of this commit in this state, counting those already in the rows."""
    out: Path = Path("results/suite-runs")
    """Folder of rows.jsonl and README.md."""


def main(args: Args) -> int:
    commit, data = _commit(), bool(os.environ.get("MAC_CONTROL_DATA"))
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "rows.jsonl"
    about = {"commit": commit, "state": args.state, "data": data, "cores": cores()}
    while len(ours := [row for row in _rows(file) if about.items() <= row.items()]) < args.runs:
        with burners(cores() if args.state == "loaded" else 0):
            found = run_suite(args.state == "bare")
        with locked(args.out):  # another state may be running at the same time
            rows = [*_rows(file), {**about, **found}]
            write_text(file, "".join(json.dumps(row) + "\n" for row in rows))
            write_text(args.out / "README.md", report(rows))
        print(json.dumps(rows[-1]), flush=True)
    return int(any(row["failed"] for row in ours))


def _rows(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def run_suite(bare: bool, cwd: Path = ROOT, options: Sequence[str] = ("-n", "2")) -> dict[str, Any]:
    """One run of the tests in `cwd`: counts, seconds, and the names of failed tests."""
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "junit.xml"
        command = [sys.executable, "-m", "pytest", *options, f"--junit-xml={report}"]
        command = [str(ROOT / "tests" / "bare"), *command] if bare else command
        start = time.monotonic()
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
        seconds, load = time.monotonic() - start, os.getloadavg()[1]
        if done.returncode not in (0, 1) or not report.exists():
            raise MacControlError(f"pytest: expected a report, got {done.stdout[-2000:]}")
        cases = list(ElementTree.parse(report).iter("testcase"))
    faults = [(c, [*c.iter("failure"), *c.iter("error")]) for c in cases]
    failed = [(case, found[0]) for case, found in faults if found]
    skipped = sum(case.find("skipped") is not None for case in cases)
    return {
        "passed": len(cases) - len(failed) - skipped,
        "failed": len(failed),
        "skipped": skipped,
        "seconds": round(seconds, 1),
        "load": round(load, 1),
        "failures": [f"{case.get('classname')}::{case.get('name')}" for case, _ in failed],
        "said": [str(fault.get("message"))[:1000] for _, fault in failed],
    }


@contextmanager
def burners(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep `count` processes busy counting, as long as the block lasts."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield busy
    finally:
        for process in busy:
            process.kill()
            process.wait()


def report(rows: Sequence[Row]) -> str:
    """The page: a line for each state, and the tests that failed."""
    failed = [row["failed"] > 0 for row in rows]
    since = len(rows) - max((i + 1 for i, each in enumerate(failed) if each), default=0)
    states = "\n".join(f"- {state}: {meaning}" for state, meaning in STATES.items())
    text = f"""# Runs of the test suite

How often does it fail? {sum(failed)} of {len(rows)} runs had a failure; the last {since} had none.
A run is `python -m pytest -n 2`, as in `make test`; every finished run has a row in `rows.jsonl`,
with the names and messages of failed tests. The load is the mean number of processes that ran or
waited to run, the suite's own included, in the last five minutes of a run: when it is above the
number of cores, tests wait for other work.

    python -m benchmarks suite-runs --state STATE --runs N

{states}

| state | real data | cores | commits | runs | with a failure | tests | skipped | load | median |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"""
    lines = [text]
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["state"], row["data"], row["cores"]), []).append(row)
    for (state, data, count), part in sorted(groups.items()):
        last = part[-1]
        cells = [state, "yes" if data else "no", count, len({row["commit"] for row in part})]
        cells += [len(part), sum(row["failed"] > 0 for row in part)]
        cells += [last["passed"] + last["failed"] + last["skipped"], last["skipped"]]
        loads = [row["load"] for row in part if "load" in row]
        cells += [f"{min(loads)} to {max(loads)}" if loads else "-"]
        cells += [f"{statistics.median(row['seconds'] for row in part):.0f} s"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", "| commit | runs | with a failure |", "|---|---:|---:|"]
    for commit in dict.fromkeys(row["commit"] for row in rows):
        part = [row for row in rows if row["commit"] == commit]
        lines.append(f"| {commit} | {len(part)} | {sum(row['failed'] > 0 for row in part)} |")
    for row in rows:
        lines += [f"\n`{row['commit']}`, {row['state']}, failed: {n}" for n in row["failures"]]
    return "\n".join(lines) + "\n"


def _commit() -> str:
    """The last commit that changed more than results; uncommitted changes are an error."""
    but = ["--", ".", ":!results"]
    git = ["git", "-C", str(ROOT)]
    changed = subprocess.check_output([*git, "status", "--porcelain", "-uno", *but], text=True)
    if changed:
        raise InputError(f"suite-runs: expected everything committed, got {changed.split()[1]}")
    return subprocess.check_output([*git, "log", "-1", "--format=%h", *but], text=True).strip()
