"""Folds × seeds × policies, resumable: each row is on disk as soon as it is made."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.checkpoint import load_policy
from mac_control.checkpoint_record import acting_config
from mac_control.demonstrations import Demonstrations
from mac_control.errors import DataError, InputError
from mac_control.files import locked, write_json, write_text
from mac_control.json_read import ADVICE, json_object, json_rows
from mac_control.moments import Moments
from mac_control.offline.cases import Case, default_cases
from mac_control.offline.config import OfflineConfig
from mac_control.offline.entries import Entry
from mac_control.offline.rate import rate
from mac_control.offline.seen import shares_data
from mac_control.options import expect_different, numbers
from mac_control.parallel import Backend, one_thread, run_many
from mac_control.seeds import whole_seed
from mac_control.training import train
from mac_control.training.batches import digest
from mac_control.training.timing import steps_in

Row = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One policy to rate: trained with one seed on all folds except one, or a checkpoint."""

    entry: Entry
    demonstrations: Demonstrations
    fold: int
    folds: int
    seed: int
    steps: int | None
    cases: tuple[Case, ...]
    scale: np.ndarray
    config: OfflineConfig
    out: Path
    key: str


def evaluate_offline(
    entries: Sequence[Entry],
    demonstrations: Demonstrations,
    out: str | Path,
    config: OfflineConfig | None = None,
    *,
    workers: int | Backend | None = None,
    tell: Any = None,
) -> list[Row]:
    """Rows of every policy, fold and seed; the same call resumes an interrupted run.

    Each row is one case of one training, with the entries of
    :func:`~mac_control.offline.rate.rate` and `policy`, `fold`, `seed`, `steps`, `train_seconds`.
    Rows are kept in `out/rows.jsonl`. A checkpoint is rated on all episodes, so it must have been
    trained on others. Where its record says that it was trained on these data, its rows have
    `seen`.

    Args:
        entries: the policies to compare.
        demonstrations: data, of which whole episodes are held out.
        out: folder for the rows, and for the numbers of steps that fit into `config.seconds`.
        config: folds, cases, and so on.
        workers: processes, or a backend; None is every core.
        tell: called with all rows after each job.

    Raises:
        InputError: fewer episodes than folds, repeated seeds or cases, both steps for a policy
            and `config.seconds`, or a policy of other sizes.
        DataError: `out` holds damaged files.
    """
    config, out = config or OfflineConfig(), Path(out)
    seeds = [whole_seed(seed, "seeds") for seed in numbers("seeds", config.seeds)]
    trained = [entry for entry in entries if entry.checkpoint is None]
    expect_different("seeds", seeds)
    both = [e.label for e in trained if config.seconds is not None and "steps" in e.spec.training]
    if both:
        raise InputError(f"seconds: expected it or steps, got both for {both[0]}; leave one out")
    count = len(demonstrations)
    if trained and count < 2:
        raise InputError(f"data: expected at least 2 episodes, to hold one out, got {count}")
    if trained and not 2 <= config.folds <= count:
        raise InputError(
            f"folds: expected 2 to {count}, the number of episodes, got {config.folds}"
        )
    for entry in trained:  # raises where a setting is wrong
        entry.config(), entry.training()
    cases = tuple(default_cases(demonstrations.robot, demonstrations.action_dim, config.cases))
    scale = action_scale(demonstrations)
    path = out / "rows.jsonl"
    read_rows(path)  # first of all, as it may be damaged
    content = digest(demonstrations)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out):
        steps = _steps(trained, demonstrations, content, config, out)
    make = functools.partial(_job, demonstrations, content, config, cases, scale, out)
    jobs = (
        [
            make(entry, fold, seed, steps.get(entry.label))
            for seed in seeds  # so that a run cut short has whole seeds
            for fold in range(config.folds)[: config.run_folds]
            for entry in trained
        ]
        + [make(entry, 0, _seed_of(entry), None) for entry in entries if entry.checkpoint]
    )
    wanted = {job.key: job for job in jobs}
    done = {row["key"] for row in read_rows(path)}
    for _, found in run_many(_run, [job for job in jobs if job.key not in done], workers):
        rows = _added(path, found)
        if tell:
            tell([row for row in rows if row["key"] in wanted])
    order = {entry.label: i for i, entry in enumerate(entries)}
    kept = [row for row in read_rows(path) if row["key"] in wanted]
    return sorted(kept, key=lambda row: (order[row["policy"]], row["seed"], row["fold"]))


def _added(path: Path, found: Sequence[Row]) -> list[Row]:
    """Add rows to the file; returns all of its rows. Several runs may write into one file."""
    with locked(path.parent):
        new = {row["key"] for row in found}
        rows = [row for row in read_rows(path) if row["key"] not in new] + list(found)
        write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))
    return rows


def read_rows(path: Path) -> list[Row]:
    """The rows of an earlier run; none where there was none.

    Raises:
        DataError: the file is something else, or damaged.
    """
    if not path.exists():
        return []
    return json_rows(path, "rows of an offline evaluation", "key", ADVICE)


def _job(
    demonstrations: Demonstrations,
    content: str,
    config: OfflineConfig,
    cases: tuple[Case, ...],
    scale: np.ndarray,
    out: Path,
    entry: Entry,
    fold: int,
    seed: int,
    steps: int | None,
) -> Job:
    folds = 1 if entry.checkpoint else config.folds
    robot = demonstrations.robot
    settings = {
        "spec": asdict(entry.spec),
        "weights": _record(entry).get("weights"),
        "data": demonstrations.provenance.get("sha256"),
        "content": content,  # as it was selected and edited
        "robot": None if robot is None else robot.to_json(),
        "episodes": demonstrations.lengths.tolist(),
        "fold": [fold, folds],
        "seed": seed,
        "steps": steps,
        "cases": [asdict(case) for case in cases],
        "asked": [config.stride, config.calibration],
    }
    if entry.checkpoint is not None:
        settings["config"] = acting_config(_record(entry))
    text = json.dumps(settings, sort_keys=True, default=str)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Job(entry, demonstrations, fold, folds, seed, steps, cases, scale, config, out, key)


def _run(job: Job) -> list[Row]:
    every = range(len(job.demonstrations))
    held = [i for i in every if i % job.folds == job.fold]
    start = time.process_time()
    steps: int | None = None
    if job.entry.checkpoint is not None:
        policy = load_policy(job.entry.checkpoint)
        sizes = job.demonstrations.obs_dim, job.demonstrations.action_dim
        if (policy.obs_dim, policy.action_dim) != sizes:
            raise InputError(
                f"policies: {job.entry.label}: expected {sizes[0]} observed and {sizes[1]} action "
                f"dimensions, as the data have, got {policy.obs_dim} and {policy.action_dim}"
            )
    else:
        training = job.entry.training(job.steps)
        steps, spec = training.steps, job.entry.spec
        seen = job.demonstrations.select([i for i in every if i % job.folds != job.fold])
        folder = job.out / "training" / job.key  # resumes there
        options: dict[str, Any] = {"policy_config": job.entry.config(), "config": training}
        options |= {"seeds": [job.seed], "progress": False}
        policy = load_policy(train(spec.policy, seen, folder, **options)[0])
        shutil.rmtree(folder)
    seconds = time.process_time() - start
    with one_thread():
        rows = rate(
            policy,
            job.demonstrations.select(held),
            job.cases,
            job.scale,
            stride=job.config.stride,
            calibration=job.config.calibration,
            seed=job.seed,
            numbers=held,
        )
    about: Row = {"policy": job.entry.label, "fold": job.fold, "seed": job.seed, "key": job.key}
    if shares_data(_record(job.entry).get("data"), job.demonstrations.provenance):
        about["seen"] = True
    cost = {} if steps is None else {"steps": steps, "train_seconds": round(seconds, 1)}
    return [{**about, **row, **cost} for row in rows]


def _steps(
    entries: Sequence[Entry],
    demonstrations: Demonstrations,
    content: str,
    config: OfflineConfig,
    out: Path,
) -> dict[str, int]:
    """Training steps of each label, measured once and kept, so that a resumed run has the same."""
    if config.seconds is None:
        return {}
    path = out / "steps.json"
    expected = "the steps of an offline evaluation"
    known = json_object(path, expected, ADVICE) if path.exists() else {}
    for each in known.values():
        if not isinstance(each, dict) or not isinstance(each.get("steps"), int):
            raise DataError(f"{path}: expected {expected}, got {str(each)[:40]}{ADVICE}")
    first = demonstrations.select([i for i in range(len(demonstrations)) if i % config.folds])
    for entry in entries:
        spec = json.loads(json.dumps(asdict(entry.spec)))
        about = {"seconds": config.seconds, "spec": spec, "data": content}
        if not about.items() <= known.get(entry.label, {}).items():
            with one_thread():
                count, each = steps_in(
                    config.seconds,
                    entry.spec.policy,
                    first,
                    out / "timed",
                    entry.config(),
                    entry.training(10_000),
                    entry.looks,
                )
            known[entry.label] = {
                "steps": count,
                "step_ms": round(1e3 * each, 2),
                **about,
            }
            write_json(path, known)
    return {entry.label: int(known[entry.label]["steps"]) for entry in entries}


def action_scale(demonstrations: Demonstrations) -> np.ndarray:
    """Standard deviation of each action dimension, `(D,)`; 1 where it never moves.

    Example:
        >>> from mac_control.demonstrations import Episode
        >>> moves = np.array([[0.0, 1], [2, 1]])
        >>> action_scale(Demonstrations([Episode(moves, moves)])).tolist()
        [1.0, 1.0]
    """
    found = Moments()
    for episode in demonstrations:  # one episode in memory at a time
        found.add(episode.actions)
    return np.where(found.std > 1e-6, found.std, 1.0)


def _record(entry: Entry) -> dict[str, Any]:
    """The record of a checkpoint; empty for a policy that is trained here."""
    return {} if entry.checkpoint is None else json_object(entry.checkpoint / "policy.json")


def _seed_of(entry: Entry) -> int:
    return int(_record(entry).get("training", {}).get("seed") or 0)
