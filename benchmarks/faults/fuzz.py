"""Nonsense input for every reader: each case is read, or refused in a sentence of ours."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
from tqdm import tqdm

from benchmarks.faults.readers import READERS, Reader
from mac_control.cli import run
from mac_control.errors import InputError, MacControlError
from mac_control.files import write_json

#: Cases of one search of hypothesis, whose memory grows with them.
SEARCH = 1000
#: A case that takes longer counts as hanging [s].
PATIENCE = 30


@dataclass
class Args:
    """Fuzz the readers; needs the package hypothesis.

    A fault is an error that is not one of ours, a case that hangs, a file changed by reading it,
    or a crash of the process, as each reader runs in its own.
    """

    readers: str = ",".join(READERS)
    """Readers to fuzz."""
    scale: float = 1.0
    """Multiplies the number of cases of a full run."""
    seed: int = 0
    """Seed of the cases."""
    out: Path | None = None
    """JSON file for the figures."""


def main(args: Args) -> int | None:
    names = args.readers.split(",")
    unknown = [name for name in names if name not in READERS]
    if unknown:
        raise InputError(f"readers: expected some of {', '.join(READERS)}, got {unknown[0]!r}")
    figures = {}
    for name in names:
        began = time.monotonic()
        count = max(1, round(READERS[name].count * args.scale))
        figures[name] = {**_alone(name, count, args.seed)}
        figures[name]["took [s]"] = round(time.monotonic() - began)
        print(name, json.dumps(figures[name], indent=1), flush=True)
        if args.out is not None:
            write_json(args.out, figures)
    print(f"{sum(figure['cases'] for figure in figures.values())} cases")
    return 1 if any(figure["faults"] for figure in figures.values()) else 0


def fuzz(reader: Reader, cases: int, seed: int = 0) -> dict[str, Any]:
    """Give a reader this many `cases`; returns how many were refused, and a fault of each kind."""
    counts = {"cases": 0, "read": 0, "refused": 0}
    faults: dict[str, str] = {}

    def look(case: Any) -> None:
        counts["cases"] += 1
        (reader.folder / "last").write_text(repr(case)[:4000], encoding="utf-8", errors="replace")
        try:
            with _patience():
                reader.read(case)
            counts["read"] += 1
        except MacControlError as error:
            counts["refused"] += 1
            if "\n" in str(error):
                faults.setdefault(f"two lines: {str(error)[:80]}", repr(case)[:300])
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
            ours = [
                f for f in traceback.extract_tb(error.__traceback__) if "mac_control" in f.filename
            ]
            said = f"{str(error)[:150]!r}, {ours[-1].name if ours else ''} of {repr(case)[:200]}"
            faults.setdefault(kind, said)

    for start in range(0, cases, SEARCH):
        number = min(SEARCH, cases - start)
        test = hypothesis.settings(
            max_examples=number,
            database=None,
            deadline=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )(hypothesis.seed((seed, start).__hash__())(hypothesis.given(reader.cases())(look)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numbers that overflow are part of the nonsense
            test()
    return {**counts, "faults": faults}


def _alone(name: str, cases: int, seed: int) -> dict[str, Any]:
    """`fuzz` in a fork, whose crash is a fault as well."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        pid = os.fork()
        if not pid:
            try:
                tqdm.monitor_interval = 0
                reader = READERS[name](folder)
                write_json(folder / "figures.json", fuzz(reader, cases, seed))
                reader.close()
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        status = os.waitpid(pid, 0)[1]
        if (folder / "figures.json").exists():
            return json.loads((folder / "figures.json").read_text())
        last = folder / "last"
        case = last.read_text(errors="replace")[:500] if last.exists() else "no case"
        return {"cases": 0, "faults": {f"the process ended with {status}": case}}


@contextmanager
def _patience() -> Iterator[None]:
    def late(*_: Any) -> None:
        raise TimeoutError(f"took longer than {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    run(main)
