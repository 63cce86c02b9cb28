"""Time of one fill-in on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
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
    """Time to fill in an action for one obs on one core, and its ratio to IBC's.

    The policies take turns, so that other load on the machine affects all of them.
    """

    policies: tuple[str, ...] = ("bc", "ibc", "diffusion", "mac")
    """Checkpoints, or bc, ibc, diffusion, mac: untrained, of default size. MAC is measured as it
    runs, and in torch."""
    dims: tuple[int, ...] = (9, 28)
    """Action dimensions of untrained policies."""
    given: tuple[int, ...] = (0, 22)
    """How many dimensions are given; the rest is filled in."""
    rows: tuple[int, ...] = (1,)
    """Observations in a batch; rollouts have 20."""
    repeats: int = 300
    """Measured calls of each policy."""
    out: Path | None = None
    """Folder for latency.json; None: none is written."""


def main(args: Args) -> int | None:
    rows = []
    with one_thread():
        for dim in args.dims:
            policies = {name: policy_of(name, dim) for name in args.policies}
            for given, many in product(args.given, args.rows):
                if given < dim:
                    rows += compare(policies, given, args.repeats, many)
    print("dims  given  rows  policy  median [ms]  p99 [ms]  of the processor alone  ratio to ibc")
    for row in rows:
        print(*(f"{value:.3f}" if isinstance(value, float) else value for value in row.values()))
    if args.out is not None:
        write_json(args.out / "latency.json", {"machine": machine(), "rows": rows})


def compare(
    policies: dict[str, Policy], given: int, repeats: int, rows: int = 1
) -> list[dict[str, Any]]:
    """A row for each policy, MAC in torch beside MAC as it runs."""
    named = dict(policies)
    if "mac" in named:
        named["mac in torch"] = InTorch(named["mac"])
    wall = measure(list(named.values()), given, repeats, rows=rows)
    own = measure(list(named.values()), given, repeats, time.thread_time, rows)
    reference = np.median(own[list(named).index("ibc")]) if "ibc" in named else None
    return [
        {
            "dims": policy.action_dim,
            "given": given,
            "rows": rows,
            "policy": name,
            "median": float(np.median(taken)),
            "p99": float(np.percentile(taken, 99)),
            "processor median": float(np.median(alone)),
            "processor p99": float(np.percentile(alone, 99)),
            "ratio": None if reference is None else float(np.median(alone) / reference),
        }
        for (name, policy), taken, alone in zip(named.items(), wall, own, strict=True)
    ]


def measure(
    policies: list[Policy],
    given: int,
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
    rows: int = 1,
) -> np.ndarray:
    """Milliseconds of each of `repeats` calls, `(P, repeats)`, in turns.

    With `time.thread_time` as the clock, waiting for a busy core does not count.
    """
    rng = np.random.default_rng(0)
    times = np.zeros((len(policies), repeats))
    warm_up = 20
    for call in range(-warm_up, repeats):
        for index, policy in enumerate(policies):
            shape = (rows,) if rows > 1 else ()
            obs = rng.standard_normal((*shape, policy.obs_dim)).astype(np.float32)
            dims = np.broadcast_to(np.arange(policy.action_dim), (*shape, policy.action_dim))
            mask = rng.permuted(dims, axis=-1) < given
            partial = PartialAction(rng.uniform(-1, 1, mask.shape), mask)
            start = clock()
            policy.act(obs, partial)
            if call >= 0:
                times[index, call] = 1e3 * (clock() - start)
    return times
