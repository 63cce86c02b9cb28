"""`kill -9` of each verb at random moments and at every file operation, and of single workers."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.faults.forks import (
    computed,
    fork,
    group_of,
    kill,
    last_line,
    over,
    quiet,
    status_of,
    workers_of,
)
from benchmarks.faults.victims import VICTIMS, Victim, write_data
from mac_control.cli import run
from mac_control.errors import InputError
from mac_control.files import write_json

#: Events that Python reports before it touches a file; `open` only for writing.
FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate"}

#: How long the workers of a killed parent may take to end, as one may be importing [s].
PATIENCE = 30
#: How long a run, which does little, may take before it counts as hanging [s].
ENDLESS = 300


@dataclass
class Args:
    """Kill each verb, inspect what is left, resume it, compare with an uninterrupted run.

    Everything is imported once; each victim is a fork of this process. Every trial checks that
    every file opens, that each item reported as safe is there, and that the second run succeeds,
    with the same result bit for bit, and leaves no temporary file.
    """

    kills: int = 200
    """Number of random moments for each verb."""
    operations: int = 60
    """Number of file operations for each verb, evenly spread, before which it is killed."""
    pools: int = 6
    """Trials with two worker processes for each verb that has workers: all are killed, only the
    parent, or only one worker."""
    verbs: str = ",".join(VICTIMS)
    """Verbs to kill."""
    seed: int = 0
    """Seed of the moments."""
    folder: Path | None = None
    """Where the victims write; None: a temporary folder."""
    out: Path | None = None
    """JSON file for the figures."""
    keep: Path | None = None
    """Folder for copies of what each kill of teleoperate-lerobot left; benchmarks/faults/opens.py
    opens them with lerobot."""


@dataclass
class Tally:
    """Results of the trials of one verb."""

    seconds: float = 0.0  # CPU time of an uninterrupted run, as the machine may be busy
    kills: Counter[str] = field(default_factory=Counter)  # by what was killed, and when
    progress: Counter[int] = field(default_factory=Counter)  # items on disk at the kill
    faults: list[str] = field(default_factory=list)


def main(args: Args) -> int | None:
    torch.set_num_threads(1)
    tqdm.monitor_interval = 0  # no thread of tqdm's may be lost in a fork
    # All forks would share tqdm's own lock, and wait forever for a killed one that held it.
    tqdm.set_lock(threading.RLock())
    names = args.verbs.split(",")
    unknown = [name for name in names if name not in VICTIMS]
    if unknown:
        raise InputError(f"verbs: expected some of {', '.join(VICTIMS)}, got {unknown[0]!r}")
    figures = {}
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        data = write_data(Path(folder) / "data.hdf5")
        for name in names:
            began = time.monotonic()
            tally = _torment(name, data, Path(folder), args)
            figures[name] = {
                "uninterrupted, computing [s]": round(tally.seconds, 3),
                "kills": dict(tally.kills),
                "items on disk at a random kill": dict(sorted(tally.progress.items())),
                "faults": tally.faults,
                "took [s]": round(time.monotonic() - began),
            }
            print(name, json.dumps(figures[name]), flush=True)
            if args.out is not None:
                write_json(args.out, figures)
    return 1 if any(figure["faults"] for figure in figures.values()) else 0


def _torment(name: str, data: Path, folder: Path, args: Args) -> Tally:
    victim, tally = VICTIMS[name](data), Tally()
    if args.keep is not None:
        args.keep.mkdir(parents=True, exist_ok=True)
        victim.keep = args.keep
    rng = np.random.default_rng(args.seed)
    with quiet(folder / "reference.log"):
        for _ in range(2):  # the first fills this process's caches, which the forks inherit
            shutil.rmtree(folder / "set-v0", ignore_errors=True)
            began = time.process_time()
            victim.run(folder / "set-v0", lambda: None)
            tally.seconds = time.process_time() - began
        expected = victim.result(folder / "set-v0")
    gc.freeze()  # so that a fork's collector need not copy existing objects
    shutil.rmtree(folder / "set-v0")
    trial = _Trial(victim, folder / "trial", expected, tally)
    while tally.kills["random"] < args.kills:
        if not trial.random(float(rng.uniform(0, tally.seconds))):
            tally.seconds *= 0.98  # the run had ended before
    count = trial.operations()
    for number in np.unique(np.linspace(1, count, min(count, args.operations)).astype(int)):
        trial.operation(int(number))
    if name in ("collect", "augment", "evaluate"):
        _pools(VICTIMS[name](data, workers=2), folder, args.pools, rng, tally)
    return tally


def _pools(victim: Victim, folder: Path, trials: int, rng: np.random.Generator, tally: Tally):
    if not trials:
        return
    began = time.monotonic()
    log = folder / "pool.log"
    pid, _ = fork(lambda tell: victim.run(folder / "set-v0", lambda: None), log)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError(log.read_text())
    seconds = time.monotonic() - began
    trial = _Trial(victim, folder / "trial", victim.result(folder / "set-v0"), tally)
    shutil.rmtree(folder / "set-v0")
    for number in range(trials):
        trial.pool(float(rng.uniform(0.2, 1) * seconds), ("all", "parent", "worker")[number % 3])


class _Trial:
    """One kill after another, each in a fresh folder."""

    def __init__(self, victim: Victim, folder: Path, expected: Any, tally: Tally) -> None:
        self.victim, self.folder, self.expected, self.tally = victim, folder, expected, tally
        self.out, self.log = folder / "set-v0", folder.with_suffix(".log")

    def random(self, moment: float) -> bool:
        """Kill after `moment` [s] of CPU time; False where the run had ended by then."""
        pid, told = self._start()
        while computed(pid) < moment and not over(pid):
            time.sleep(0.0005)
        if not kill(pid, group=True):
            os.close(told)
            return False
        self.tally.progress[min(self._check(f"random {moment:.4f} s", told), 10**3)] += 1
        self.tally.kills["random"] += 1
        return True

    def operations(self) -> int:
        """How many file operations a run makes."""
        pid, told = self._start(lambda tell: _counting(self.folder, None, tell))
        os.waitpid(pid, 0)
        return os.read(told, 1 << 20).count(b"o")

    def operation(self, number: int) -> None:
        """Kill just before this file operation."""
        pid, told = self._start(lambda tell: _counting(self.folder, number, tell))
        said = f"file operation {number}"
        if os.WIFSIGNALED(self._status(pid, said)):
            self._check(said, told)
            self.tally.kills["before a file operation"] += 1

    def pool(self, moment: float, which: str) -> None:
        """Kill a run with workers: everything, only the parent, or only one worker."""
        pid, told = self._start()
        time.sleep(moment)
        said = f"{which} of a pool after {moment:.2f} s"
        if which == "worker":
            workers = workers_of(pid)
            if workers:
                os.kill(workers[0], signal.SIGKILL)
            if self._status(pid, said):
                self._fault(f"{said}: the run ended: {last_line(self.log)}")
        else:
            kill(pid, group=which == "all")
            end = time.monotonic() + PATIENCE
            while (left := group_of(pid)) and time.monotonic() < end:
                time.sleep(0.2)
            if left:
                self._fault(f"{said}: processes {left} are left")
                os.killpg(pid, signal.SIGKILL)
        self._check(said, told)
        self.tally.kills[f"pool: {which}"] += 1

    def _start(self, around: Callable[..., None] | None = None) -> tuple[int, int]:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

        def action(tell: Callable[[bytes], None]) -> None:
            if around is not None:
                around(tell)
            self.victim.run(self.out, lambda: tell(b"."))

        return fork(action, self.log)

    def _check(self, said: str, told: int) -> int:
        """Inspect what is left, resume, compare; returns the number of items on disk."""
        with os.fdopen(told, "rb") as pipe:
            safe = min(pipe.read().count(b"."), self.victim.items)
        found = 0
        try:
            found = self.victim.safe(self.out)
            if found < safe:
                self._fault(f"{said}: {safe} items were safe, {found} are there")
        except Exception as error:
            self._fault(f"{said}: cannot be read: {error!r}")
        pid, again = fork(lambda tell: self.victim.run(self.out, lambda: None), self.log)
        os.close(again)
        if self._status(pid, said):
            self._fault(f"{said}: does not go on: {last_line(self.log)}")
            return found
        try:
            if self.victim.result(self.out) != self.expected:
                self._fault(f"{said}: ends with another result")
        except Exception as error:
            self._fault(f"{said}: cannot be read after going on: {error!r}")
        litter = sorted(p.name for p in self.folder.rglob("*") if p.name.startswith("."))
        litter += [p.name for p in self.folder.iterdir() if p != self.out and p.name not in litter]
        if litter:
            self._fault(f"{said}: leaves {litter[:3]}")
        return min(found, self.victim.items)

    def _status(self, pid: int, said: str) -> int:
        try:
            return status_of(pid, ENDLESS)
        except TimeoutError:
            self._fault(f"{said}: hangs: {last_line(self.log)}")
            return 0

    def _fault(self, text: str) -> None:
        self.tally.faults.append(text)


def _counting(folder: Path, number: int | None, tell: Callable[[bytes], None]) -> None:
    """Count file operations in `folder` from now on, and kill at the one of this number."""
    seen, inside = 0, str(folder)

    def hook(event: str, details: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in FILE_EVENTS or not str(details[0]).startswith(inside):
            return
        if event == "open" and not (details[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        seen += 1
        if number is None:
            tell(b"o")
        elif seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    run(main)
