"""Training several policies at once, a process for each."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mac_control.demonstrations import Demonstrations
from mac_control.parallel import run_many
from mac_control.training.config import TrainConfig
from mac_control.training.trainer import train


@dataclass(frozen=True)
class Job:
    """One policy to be trained; see `train` for its parts."""

    name: str
    demonstrations: Demonstrations
    out: Path
    seed: int
    config: TrainConfig
    policy: Any = None


def train_many(
    jobs: Sequence[Job], *, workers: int | None = None, progress: bool = True
) -> list[Path]:
    """Train each job in a process of its own, as many at once as there are workers.

    Args:
        jobs: begun in this order, so the longest come first.
        workers: processes; None is every core.
        progress: show a bar for each kind of policy, over the steps of all its jobs.

    Returns:
        The checkpoint folder of each job.
    """
    with _bars(jobs if progress else ()):
        done = dict(run_many(_train, jobs, workers))
    return [done[index] for index in range(len(jobs))]


def _train(job: Job) -> Path:
    seeds = (job.seed,)
    return train(
        job.name,
        job.demonstrations,
        job.out,
        seeds=seeds,
        policy=job.policy,
        config=job.config,
        progress=False,
    )[0]


@contextmanager
def _bars(jobs: Sequence[Job]) -> Iterator[None]:
    """Bars that follow the logs of the jobs, whichever process writes them."""
    kinds = list(dict.fromkeys(job.name for job in jobs))
    bars = {
        kind: tqdm(
            total=sum(job.config.steps for job in jobs if job.name == kind),
            initial=sum(_steps(job.out) for job in jobs if job.name == kind),
            desc=f"train {kind}",
            unit="step",
            position=position,
        )
        for position, kind in enumerate(kinds)
    }
    over = threading.Event()

    def follow() -> None:
        last = False
        while not last:
            last = over.wait(0.5)
            for kind, bar in bars.items():
                now = sum(_steps(job.out) for job in jobs if job.name == kind)
                bar.update(max(0, now - bar.n))
                if now == bar.initial:
                    bar.unpause()  # waits for a worker: its rate counts from its first step

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for bar in bars.values():
            bar.close()


def _steps(folder: Path) -> int:
    """The step that the log of a run has come to."""
    try:
        with open(folder / "log.csv", newline="") as file:
            return max((int(row["step"]) for row in csv.DictReader(file)), default=0)
    except (OSError, ValueError, KeyError, TypeError):  # not there yet, or half a line
        return 0
