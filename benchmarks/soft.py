"""Time to weigh soft commands on one core, beside a hard fill-in."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fresh import InTorch, policy_of
from benchmarks.page import machine
from mac_control.files import write_json
from mac_control.parallel import one_thread
from mac_control.partial import PartialAction
from mac_control.policies import MacPolicy


@dataclass
class Args:
    """Time to act on commands with a standard deviation, and its ratio to exact ones.

    CPU time of an untrained MAC of default size. Four cases take turns: nothing given; the same
    commands exact, soft, and soft in torch.
    """

    dims: tuple[int, ...] = (9, 28)
    """Action dimensions."""
    given: tuple[int, ...] = (1, 3, 7)
    """How many of them are commanded."""
    std: float = 0.1
    """Standard deviation of the commands, in action units; the box is 2 wide."""
    repeats: int = 200
    """Measured calls of each."""
    out: Path | None = None
    """Folder for soft.json; None: none is written."""


def main(args: Args) -> int | None:
    rows = []
    with one_thread():
        for dim in args.dims:
            policy = policy_of("mac", dim)
            assert isinstance(policy, MacPolicy)
            rows += [compare(policy, given, args.std, args.repeats) for given in args.given]
    print(*rows[0])
    for row in rows:
        print(*(f"{value:.3f}" if isinstance(value, float) else value for value in row.values()))
    if args.out is not None:
        write_json(args.out / "soft.json", {"machine": machine(), "rows": rows})
    return None


def compare(policy: MacPolicy, given: int, std: float, repeats: int) -> dict[str, Any]:
    """Medians and p99 [ms], and the ratios of medians."""
    slow = InTorch(policy)
    slow.weighs = True
    rng = np.random.default_rng(0)
    times = np.zeros((4, repeats))
    for call in range(-20, repeats):
        obs = rng.standard_normal(policy.obs_dim).astype(np.float32)
        mask = rng.permutation(policy.action_dim) < given
        exact = PartialAction(rng.uniform(-1, 1, policy.action_dim), mask)
        soft = exact.soften(std)
        # Torch comes last, as it evicts what the others share from the cache.
        asked = ((policy, None), (policy, exact), (policy, soft), (slow, soft))
        for place, (who, partial) in enumerate(asked):
            start = time.thread_time_ns()
            who.act(obs, partial)
            if call >= 0:
                times[place, call] = 1e-6 * (time.thread_time_ns() - start)
    row: dict[str, Any] = {"dims": policy.action_dim, "given": given}
    for name, taken in zip(("nothing", "exact", "soft", "soft by torch"), times, strict=True):
        row[f"{name} median"] = float(np.median(taken))
        row[f"{name} p99"] = float(np.percentile(taken, 99))
    row["soft / exact"] = row["soft median"] / row["exact median"]
    row["soft / nothing"] = row["soft median"] / row["nothing median"]
    return row
