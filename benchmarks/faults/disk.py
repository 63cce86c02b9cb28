"""A full disk and a read-only folder for each verb: one sentence, no harm, and it resumes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.faults.forks import fork, quiet
from benchmarks.faults.victims import Victim, write_data
from benchmarks.faults.writers import WRITERS
from mac_control.checksums import sha256
from mac_control.cli import run, sentences
from mac_control.errors import InputError
from mac_control.files import write_json

#: Where there is room again [bytes].
ROOM = 64 << 20


@dataclass
class Args:
    """Run each verb on file systems of a few kilobytes, in memory; needs the right to mount them.

    Every trial checks that the verb ends in one sentence of ours that says what to do, that every
    file opens, that a read-only disk is unchanged, and that the same command resumes when there is
    room, with the result of an undisturbed run bit for bit, and leaves no temporary file.
    """

    sizes: int = 12
    """Number of disk sizes for each verb, evenly spread up to what it needs."""
    verbs: str = ",".join(WRITERS)
    """Verbs to run."""
    out: Path | None = None
    """JSON file for the figures."""


@dataclass
class Tally:
    """Results of the trials of one verb."""

    trials: Counter[str] = field(default_factory=Counter)
    sentences: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def main(args: Args) -> int | None:
    torch.set_num_threads(1)
    tqdm.monitor_interval = 0  # no thread of tqdm's may be lost in a fork
    names = args.verbs.split(",")
    unknown = [name for name in names if name not in WRITERS]
    if unknown:
        raise InputError(f"verbs: expected some of {', '.join(WRITERS)}, got {unknown[0]!r}")
    figures = {}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        data = write_data(folder / "data.hdf5")
        (folder / "tmp").mkdir()
        tempfile.tempdir = str(folder / "tmp")  # a recording is rescued to it
        for name in names:
            began = time.monotonic()
            tally = _trials(WRITERS[name](data), folder, args.sizes)
            figures[name] = {
                "trials": dict(tally.trials),
                "said": dict(tally.sentences),
                "faults": tally.faults,
                "took [s]": round(time.monotonic() - began),
            }
            print(name, json.dumps(figures[name], indent=1), flush=True)
            if args.out is not None:
                write_json(args.out, figures)
        tempfile.tempdir = None
    return 1 if any(figure["faults"] for figure in figures.values()) else 0


def _trials(victim: Victim, folder: Path, sizes: int) -> Tally:
    tally, mount = Tally(), folder / "disk"
    mount.mkdir(exist_ok=True)
    with Disk(mount, ROOM) as disk, quiet(folder / "reference.log"):
        victim.run(mount / "set-v0", lambda: None)
        expected = victim.result(mount / "set-v0")
        needs = disk.used()
    trial = _Trial(victim, mount, folder / "trial.log", expected, tally)
    for size in np.unique(np.linspace(0, needs, sizes + 2)[1:-1].astype(int) // 4096 * 4096):
        trial.full(max(8192, int(size)))
    trial.read_only()
    return tally


class _Trial:
    """One disk after another, each made anew."""

    def __init__(self, victim: Victim, mount: Path, log: Path, expected: Any, tally: Tally) -> None:
        self.victim, self.mount, self.log = victim, mount, log
        self.expected, self.tally, self.out = expected, tally, mount / "set-v0"

    def full(self, size: int) -> None:
        """A disk of this size [bytes], then made read-only, then large enough."""
        said = f"{size} bytes"
        with Disk(self.mount, size) as disk:
            if self._run():
                self.tally.trials["fits"] += 1
                self._finished(said)
                return
            self.tally.trials["full"] += 1
            self._sentence(said, "expected room to write")
            self._opens(said)
            self._refused(disk, f"{said}, then read-only")
            disk.change(f"rw,size={ROOM}")
            self._again(said)

    def read_only(self) -> None:
        """An empty disk that is read-only at first, then writable."""
        with Disk(self.mount, ROOM) as disk:
            self._refused(disk, "read-only")
            disk.change("rw")
            self._again("read-only")

    def _refused(self, disk: Disk, said: str) -> None:
        disk.change("ro")
        before = self._state()
        if self._run():
            self._fault(f"{said}: ended well")
        else:
            self._sentence(said, "expected to be allowed to write")
        if self._state() != before:
            self._fault(f"{said}: files changed")
        self.tally.trials["read-only"] += 1

    def _again(self, said: str) -> None:
        if self._run():
            self._finished(said)
        else:
            self._fault(f"{said}: does not go on: {self._words()[-1:]}")

    def _run(self) -> bool:
        """Whether the verb ends well."""

        def action(tell: Any) -> None:
            with sentences():
                self.victim.run(self.out, lambda: None)

        pid, told = fork(action, self.log)
        os.close(told)
        return os.waitpid(pid, 0)[1] == 0

    def _words(self) -> list[str]:
        return self.log.read_text(errors="replace").strip().splitlines()

    def _sentence(self, said: str, expected: str) -> None:
        lines = self._words()
        errors = [line for line in lines if line.startswith("error: ")]
        if any("Traceback" in line for line in lines):
            self._fault(f"{said}: a traceback: {lines[-1][:300]}")
        elif len(errors) != 1 or expected not in errors[0]:
            self._fault(f"{said}: expected one sentence, got {errors or lines[-1:]}")
        else:
            self.tally.sentences[errors[0].replace(str(self.mount.parent), "")] += 1

    def _opens(self, said: str) -> None:
        try:
            self.victim.safe(self.out)
        except Exception as error:
            self._fault(f"{said}: cannot be read: {error!r}")

    def _finished(self, said: str) -> None:
        try:
            if self.victim.result(self.out) != self.expected:
                self._fault(f"{said}: ends with another result")
        except Exception as error:
            self._fault(f"{said}: cannot be read at the end: {error!r}")
        found = [p for p in self.mount.rglob("*") if p.name.startswith(".")]
        found += [p for p in self.mount.iterdir() if p != self.out and p not in found]
        if found:
            self._fault(f"{said}: leaves {sorted(p.name for p in found)[:3]}")

    def _state(self) -> dict[str, str]:
        files = (path for path in self.mount.rglob("*") if path.is_file())
        return {str(path): sha256(path) for path in files}

    def _fault(self, text: str) -> None:
        self.tally.faults.append(text)


class Disk:
    """Within the block, a file system in memory of this size [bytes] is mounted on a folder.

    Raises:
        InputError: this process may not mount.
    """

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.size = folder, size

    def __enter__(self) -> Disk:
        _mount("-t", "tmpfs", "-o", f"size={self.size}", "tmpfs", str(self.folder))
        return self

    def __exit__(self, *exception: object) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)

    def change(self, options: str) -> None:
        """Mount it again, as `ro`, `rw` or with another size."""
        _mount("-o", f"remount,{options}", str(self.folder))

    def used(self) -> int:
        """Bytes written on it."""
        return shutil.disk_usage(self.folder).used


def _mount(*options: str) -> None:
    try:
        subprocess.run(["mount", *options], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or error
        raise InputError(
            f"disk: expected the right to mount a file system (root has it), got: {said}"
        ) from error


if __name__ == "__main__":
    run(main)
