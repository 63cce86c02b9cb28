"""Time of one fill-in on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fresh import InTorch, policy_of
from benchmarks.page import machine
from mac_control.files import write_json
from mac_control.parallel import one_thread
from mac_control.partial import PartialAction
from mac_control.policies import Policy


@dataclass
class Args:
    """Time to fill in an action for one observation on one core, and its ratio to IBC's.

    The policies take turns, so that whatever else the machine does strikes all of them.
    """

    policies: tuple[str, ...] = ("bc", "ibc", "diffusion", "mac")
    """Checkpoints, or bc, ibc, diffusion, mac: untrained, of default size. MAC is measured as it
    answers, and in torch."""
    dims: tuple[int, ...] = (9, 28)
    """Action dimensions of the untrained."""
    given: tuple[int, ...] = (0, 22)
    """How many dimensions are given; the rest is filled in."""
    repeats: int = 300
    """Measured calls of each policy."""
    out: Path | None = None
    """Folder for latency.json; None: none is written."""


def main(args: Args) -> int | None:
    rows = []
    with one_thread():
        for dim in args.dims:
            policies = {name: policy_of(name, dim) for name in args.policies}
            for given in (given for given in args.given if given < dim):
                rows += compare(policies, given, args.repeats)
    print("dims  given  policy  median [ms]  p99 [ms]  of the processor alone  ratio to ibc")
    for row in rows:
        print(*(f"{value:.3f}" if isinstance(value, float) else value for value in row.values()))
    if args.out is not None:
        write_json(args.out / "latency.json", {"machine": machine(), "rows": rows})


def compare(policies: dict[str, Policy], given: int, repeats: int) -> list[dict[str, Any]]:
    """A row for each policy, MAC in torch beside MAC as it answers."""
    named = dict(policies)
    if "mac" in named:
        named["mac in torch"] = InTorch(named["mac"])
    wall = measure(list(named.values()), given, repeats)
    own = measure(list(named.values()), given, repeats, time.thread_time)
    reference = np.median(own[list(named).index("ibc")]) if "ibc" in named else np.nan
    return [
        {
            "dims": policy.action_dim,
            "given": given,
            "policy": name,
            "median": float(np.median(taken)),
            "p99": float(np.percentile(taken, 99)),
            "processor median": float(np.median(alone)),
            "processor p99": float(np.percentile(alone, 99)),
            "ratio": float(np.median(alone) / reference),
        }
        for (name, policy), taken, alone in zip(named.items(), wall, own, strict=True)
    ]


def measure(
    policies: list[Policy],
    given: int,
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> np.ndarray:
    """Milliseconds of each of `repeats` calls, `(P, repeats)`, in turns.

    With `time.thread_time` as the clock, waiting for a core that others use does not count.
    """
    rng = np.random.default_rng(0)
    times = np.zeros((len(policies), repeats))
    warm_up = 20
    for call in range(-warm_up, repeats):
        for index, policy in enumerate(policies):
            obs = rng.standard_normal(policy.obs_dim).astype(np.float32)
            mask = rng.permutation(policy.action_dim) < given
            partial = PartialAction(rng.uniform(-1, 1, policy.action_dim), mask)
            start = clock()
            policy.act(obs, partial)
            if call >= 0:
                times[index, call] = 1e3 * (clock() - start)
    return times
