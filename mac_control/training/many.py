"""Trains several policies at once, a process for each."""

from __future__ import annotations

import csv
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mac_control.demonstrations import Demonstrations
from mac_control.errors import InputError
from mac_control.parallel import Backend, expect_shared, run_many
from mac_control.policies import policy_class
from mac_control.training.config import TrainConfig
from mac_control.training.trainer import Score, train


@dataclass(frozen=True)
class Job:
    """One policy to train; see `train` for the fields."""

    name: str
    demonstrations: Demonstrations
    out: Path
    seed: int
    config: TrainConfig
    policy_config: Any = None
    score: Score | None = None
    wandb: str | None = None
    start: str | Path | None = None


def train_many(
    jobs: Sequence[Job], *, workers: int | Backend | None = None, progress: bool = True
) -> list[Path]:
    """Train each job in a process of its own, as many at once as there are workers.

    Args:
        jobs: the longest are started first, so that all workers end at about the same time.
        workers: processes, or a backend, whose machines must share the folders; None is every
            core.
        progress: show a bar over all jobs.

    Returns:
        The checkpoint folder of each job.
    """
    if len({job.out for job in jobs}) < len(jobs):
        raise InputError(f"out: expected a folder for each job, got {[str(j.out) for j in jobs]}")
    for job in jobs:
        job.out.mkdir(parents=True, exist_ok=True)
    with _bar(jobs if progress else ()):
        for _ in run_many(_train, sorted(jobs, key=_cost, reverse=True), workers):
            pass
    return [job.out for job in jobs]


def _cost(job: Job) -> int:
    """Cost of a training, in a unit comparable across policies."""
    return policy_class(job.name).step_cost * job.config.steps


def _train(job: Job) -> None:
    expect_shared(job.out)
    train(
        job.name,
        job.demonstrations,
        job.out,
        seeds=(job.seed,),
        policy_config=job.policy_config,
        config=job.config,
        score=job.score,
        wandb=job.wandb,
        start=job.start,
        progress=False,
    )


@contextmanager
def _bar(jobs: Sequence[Job]) -> Iterator[None]:
    """One bar that follows the logs of all jobs, whichever process writes them.

    It weighs steps by their cost, so that the remaining time is estimated well from the start.
    """
    done = [0] * len(jobs)
    over = threading.Event()
    wait = 0.5 if sys.stderr.isatty() else 20.0  # a log file needs no animation [s]
    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"

    def look() -> int:
        done[:] = [max(steps, _steps(job.out)) for steps, job in zip(done, jobs, strict=True)]
        return sum(
            _cost(job) * steps // job.config.steps for job, steps in zip(jobs, done, strict=True)
        )

    def follow() -> None:
        while not over.wait(wait):
            update()
        update()

    def update() -> None:
        now = look()
        parts = (
            f"{kind} {sum(n for job, n in zip(jobs, done, strict=True) if job.name == kind)}"
            f"/{sum(job.config.steps for job in jobs if job.name == kind)}"
            for kind in dict.fromkeys(job.name for job in jobs)
        )
        bar.set_postfix_str("steps: " + ", ".join(parts), refresh=False)
        bar.update(now - bar.n)
        bar.refresh()

    bar = tqdm(
        desc="train", total=sum(map(_cost, jobs)), initial=look(), bar_format=form, disable=not jobs
    )
    thread = threading.Thread(target=follow, daemon=True)
    with bar:
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _steps(folder: Path) -> int:
    """The last step in the log of a run."""
    try:
        with open(folder / "log.csv", newline="", encoding="utf-8-sig") as file:
            return max((int(row["step"]) for row in csv.DictReader(file)), default=0)
    except (OSError, ValueError, KeyError, TypeError):  # not there yet, or half a line
        return 0
