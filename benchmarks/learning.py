"""Learning against time: likelihood of held-out demonstrations by training time on one core."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learning_report import Row, draw, rows_of, tables
from benchmarks.learning_variants import VARIANTS, Variant
from mac_control.checkpoint import save_policy
from mac_control.demonstrations import Demonstrations, load_demonstrations
from mac_control.errors import InputError
from mac_control.parallel import one_thread
from mac_control.partial import PartialAction
from mac_control.policies import policy_class
from mac_control.training import TrainConfig
from mac_control.training.distributed import DistributedContext
from mac_control.training.run import Run
from mac_control.training.trainer import Trainer

#: Share of the episodes held out, and how many of their steps are rated.
HELD_OUT, LOOKED_AT = 0.2, 2000
#: The reference: the defaults before this study.
REFERENCE = "mac as it was"


@dataclass
class Args:
    """Train variants for given times on one core each, and rate them on held-out episodes.

    A step of every variant is timed first, in turns in one process: the number of steps for a
    time, and so the results, depend only on that, whatever else the machine does. Figures are
    written at once; the same command resumes an interrupted run. Tables are printed at the end.
    """

    out: Path = Path("results/learning")
    """Folder for times.jsonl, runs.jsonl and learning.png."""
    data: str = "builtin"
    """Demonstrations, as in `mac-control train`."""
    label: str = "kitchen"
    """Name of these data in the results."""
    seconds: tuple[float, ...] = (10.0,)
    """Times to train for [s]."""
    only: str | None = None
    """Variants, with commas; None: all."""
    seeds: str = "0"
    """Training seeds, with commas."""
    keep: Path | None = None
    """Folder for the trained policies, to rate in rollouts; None: they are not kept."""


def main(args: Args) -> None:
    chosen = args.only.split(",") if args.only else list(VARIANTS)
    if unknown := set(chosen) - set(VARIANTS):
        raise InputError(f"only: expected some of {', '.join(VARIANTS)}, got {min(unknown)!r}")
    args.out.mkdir(parents=True, exist_ok=True)
    data = load_demonstrations(args.data)
    train, held_out = data.split(HELD_OUT, 0)
    assert held_out is not None
    with one_thread():
        times = step_times(args, train, chosen)
        done = {(r["data"], r["variant"], r["seconds"], r["seed"]) for r in lines(args, "runs")}
        for seconds in args.seconds:
            for seed in map(int, args.seeds.split(",")):
                for name in chosen:
                    if (args.label, name, seconds, seed) in done:
                        continue
                    steps = max(20, round(1e3 * seconds / times[name]))
                    row = {"data": args.label, "variant": name, "seconds": seconds, "seed": seed}
                    row |= learn(VARIANTS[name], train, held_out, steps, seed, _kept(args, row))
                    print(row, flush=True)
                    append(args, "runs", row)
    runs = lines(args, "runs")
    draw(runs, args.out / "learning.png")
    print(tables(runs, lines(args, "times")))


def step_times(args: Args, train: Demonstrations, chosen: list[str]) -> dict[str, float]:
    """Milliseconds of a training step of each variant; new ones are timed with the reference."""
    known = {r["variant"]: r["step_ms"] for r in lines(args, "times") if r["data"] == args.label}
    new = [name for name in chosen if name not in known]
    if not new:
        return known
    names = list(dict.fromkeys((REFERENCE, *new)))
    trainers = {name: trainer_of(VARIANTS[name], train, 1000, 0) for name in names}
    taken: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-5, 40):
        for name, trainer in trainers.items():
            start = time.thread_time()
            trainer.step(1e-4)
            if turn >= 0:
                taken[name].append(1e3 * (time.thread_time() - start))
    found = {name: float(np.median(each)) for name, each in taken.items()}
    scale = known.get(REFERENCE, found[REFERENCE]) / found[REFERENCE]
    for name in names:
        if name not in known:
            known[name] = round(scale * found[name], 3)
            append(args, "times", {"data": args.label, "variant": name, "step_ms": known[name]})
    return known


def trainer_of(variant: Variant, train: Demonstrations, steps: int, seed: int) -> Trainer:
    """A run of this many steps, not started yet."""
    cls = policy_class(variant.policy)
    training = {"batch_size": 128, **variant.training}
    training["warmup"] = min(training.get("warmup", 200), steps // 10)
    config = TrainConfig(steps=steps, **training)
    policy = cls.Config(**variant.config)
    run = Run(variant.policy, train, Path("unused"), (seed,), policy, config)
    return Trainer(variant.adapted(run), DistributedContext(), progress=False)


def learn(
    variant: Variant,
    train: Demonstrations,
    held_out: Demonstrations,
    steps: int,
    seed: int,
    keep: Path | None = None,
) -> dict[str, Any]:
    """Train, and rate the averaged weights on held-out episodes [nats per dimension]."""
    start = time.thread_time()
    trainer = trainer_of(variant, train, steps, seed)
    for _ in range(steps):
        trainer.step(trainer.run.rate())
    policy = trainer.run.kept(0)
    if keep is not None:
        save_policy(keep, policy, training={"seed": seed, "steps": steps})
    took = time.thread_time() - start
    return {"steps": steps, "took": round(took, 1), **likelihoods(policy, held_out)}


def likelihoods(policy: Any, held_out: Demonstrations) -> dict[str, float]:
    """Mean log-likelihood per queried dimension: of all, and of the rest given some [nats]."""
    obs, actions = held_out.observations, held_out.actions
    rows = np.random.default_rng(0).permutation(len(obs))[:LOOKED_AT]
    obs, actions, dim = obs[rows], actions[rows], actions.shape[1]
    everything = PartialAction.everything(actions)
    found = {"joint": float(policy.log_prob(obs, everything).mean()) / dim}
    rng = np.random.default_rng(1)
    for share in (1 / 3, 2 / 3):
        count = round(share * dim)
        given = rng.permuted(np.tile(np.arange(dim) < count, (len(obs), 1)), axis=1)
        if policy.name == "mac":
            rest = policy.log_prob(obs, everything, given)
        else:  # a density with its own marginals
            rest = policy.log_prob(obs, everything)
            rest = rest - policy.log_prob(obs, PartialAction(actions, given))
        found[f"given {count}"] = float(rest.mean()) / (dim - count)
    return {name: round(value, 4) for name, value in found.items()}


def lines(args: Args, name: str) -> list[Row]:
    """The rows of a file so far."""
    return rows_of(args.out / f"{name}.jsonl")


def append(args: Args, name: str, row: dict[str, Any]) -> None:
    """Add a row."""
    with open(args.out / f"{name}.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")


def _kept(args: Args, row: dict[str, Any]) -> Path | None:
    if args.keep is None:
        return None
    variant = row["variant"].replace(" ", "-")
    return args.keep / f"{row['data']}-{variant}-{row['seconds']:g}" / f"seed-{row['seed']}"
