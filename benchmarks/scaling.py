"""Throughput of parallel work: this process, local processes, a Ray cluster."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mac_control.errors import MacControlError
from mac_control.files import write_json, write_text
from mac_control.loop.statistics import with_interval
from mac_control.parallel import Backend, Local, Ray, cores, run_many

HEAD = """# Parallel work

`{command}` on {cores} cores: {items} items, each
{item}, {rounds} rounds in turn. Speed-up: throughput relative to one process in the same
round; busy: share of the workers' time spent on items. Both are medians over the rounds after the
first, with lowest and highest in brackets. Ray starts its workers in the first round; local
processes start anew in every round. All backends gave the same results, bit for bit.

| | workers | first round [s] | later rounds [s] | speed-up | busy | empty item [ms] |
|---|---|---|---|---|---|---|
"""


@dataclass
class Args:
    """Throughput of rollouts or trainings in one process, in several, and on a Ray cluster.

    Writes results.json and README.md.
    """

    out: Path | None = None
    """Folder for both files; None: results/scaling, of trainings its folder trainings."""
    items: int = 24
    """Rollouts or trainings in a round."""
    work: Literal["rollouts", "trainings"] = "rollouts"
    """What an item is."""
    steps: int = 280
    """Steps of each."""
    rounds: int = 4
    """Number of measurements of each backend, in turns; the first is reported separately."""
    workers: int | None = None
    """Number of processes and of parallel tasks; None: one per core."""
    address: str | None = None
    """HOST:PORT of a Ray cluster; None: $RAY_ADDRESS, or one of this machine alone."""


def main(args: Args) -> int | None:
    workers = args.workers or cores()
    ways: dict[str, Backend] = {
        "one process": Local(1),
        "local processes": Local(workers),
        "Ray": Ray(args.address, workers),
    }
    empty = {name: _empty(backend) for name, backend in ways.items()}  # also connects to Ray
    function, item, folder = WORK[args.work]
    out = args.out or Path(folder)
    work = partial(function, args.steps)
    rounds: list[dict[str, dict[str, Any]]] = []
    for number in range(args.rounds):
        rounds.append({name: _round(work, args.items, backend) for name, backend in ways.items()})
        if len({one["found"] for one in rounds[-1].values()}) > 1:
            raise MacControlError(f"results: expected the same from all, got others in {number}")
        print(f"round {number}:", {k: round(v["seconds"], 1) for k, v in rounds[-1].items()})
    counts = {name: 1 if name == "one process" else workers for name in ways}
    later = rounds[1:] or rounds
    result = {
        "settings": {
            "items": args.items,
            "work": args.work,
            "steps": args.steps,
            "workers": workers,
        },
        "rounds": [{k: {"seconds": v["seconds"], "busy": v["busy"]} for k, v in r.items()}
                   for r in rounds],
        "empty_item_ms": empty,
    }  # fmt: skip
    rows = []
    for name, count in counts.items():
        seconds = [one[name]["seconds"] for one in later]
        faster = [one["one process"]["seconds"] / one[name]["seconds"] for one in later]
        busy = [one[name]["busy"] / (count * one[name]["seconds"]) for one in later]
        rows.append(
            f"| {name} | {count} | {rounds[0][name]['seconds']:.1f} | {np.median(seconds):.1f} "
            f"| {_spread(faster)} | {_spread(busy)} | {empty[name]:.2f} |"
        )
    command = (
        f"python -m benchmarks scaling --items {args.items} --work {args.work} "
        f"--steps {args.steps} --rounds {args.rounds}"
    )
    item = item.format(steps=args.steps)
    head = HEAD.format(**{**vars(args), "command": command, "cores": cores(), "item": item})
    write_json(out / "results.json", result)
    write_text(out / "README.md", head + "\n".join(rows) + "\n")
    print("\n".join(rows))
    print(out / "README.md")


def _round(work: Any, items: int, backend: Backend) -> dict[str, Any]:
    """Seconds for all items, seconds of work in them, and their results."""
    start = time.perf_counter()
    found = dict(run_many(work, range(items), backend))
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "busy": sum(busy for _, busy in found.values()),
        "found": tuple(found[index][0] for index in range(items)),
    }


def _roll(steps: int, seed: int) -> tuple[bytes, float]:
    """The actions and rewards of a rollout, as bytes, and the seconds it took."""
    from benchmarks.fresh import policy_of
    from mac_control.loop import rollout
    from mac_control.operators import Nobody

    start = time.perf_counter()
    env = _env(steps)
    found = rollout(env, policy_of("bc"), Nobody(9), seed=seed)
    return found.actions.tobytes() + found.rewards.tobytes(), time.perf_counter() - start


def _train(steps: int, seed: int) -> tuple[bytes, float]:
    """The checksum of a MAC trained with this seed, and the seconds that training took."""
    from mac_control.checkpoint import load_policy
    from mac_control.demonstrations import load_demonstrations
    from mac_control.training import preset, train

    start = time.perf_counter()
    config = preset("mac", steps=steps)
    with tempfile.TemporaryDirectory() as folder:
        data = load_demonstrations("builtin")
        (found,) = train("mac", data, folder, seeds=[seed], config=config, progress=False)
        checksum = load_policy(found).checkpoint["weights"]["sha256"]
    return checksum.encode(), time.perf_counter() - start


#: Kind of work -> one item of it, what it is called, and where its page is.
WORK: dict[str, tuple[Any, str, str]] = {
    "rollouts": (
        _roll,
        "a rollout of {steps} steps of an untrained BC in the kitchen",
        "results/scaling",
    ),
    "trainings": (
        _train,
        "a training of MAC for {steps} steps on the built-in demonstrations",
        "results/scaling/trainings",
    ),
}


def _env(steps: int) -> Any:
    """One kitchen per process, as in evaluations."""
    from mac_control.collection.simulate import shared_env
    from mac_control.envs.name import EnvName

    return shared_env(EnvName("kitchen", {"max_episode_steps": steps}))


def _empty(backend: Backend, count: int = 300) -> float:
    """Milliseconds per empty item, once workers have started."""
    times = []
    for _ in run_many(abs, range(count), backend):
        times.append(time.perf_counter())
    half = count // 2  # by then every worker has started
    return 1e3 * (times[-1] - times[half]) / (count - 1 - half)


def _spread(values: list[float]) -> str:
    return with_interval(float(np.median(values)), (min(values), max(values)))


if __name__ == "__main__":
    from mac_control.cli import run

    run(main)
