"""Time of one fill-in on one core."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from benchmarks.fresh import policy_of
from mac_control.parallel import one_thread
from mac_control.partial import PartialAction
from mac_control.policies import Policy
from mac_control.policies.base import name_of


@dataclass
class Args:
    """Time to fill in an action for one observation on one core, and its ratio to IBC's.

    The policies take turns, so that whatever else the machine does strikes all of them.
    """

    policies: tuple[str, ...] = ("bc", "ibc", "mac")
    """Checkpoints, or bc, ibc, mac: untrained, of default size."""
    given: int = 0
    """How many dimensions are given; the rest is filled in."""
    repeats: int = 300
    """Measured calls of each policy."""


def main(args: Args) -> int | None:
    with one_thread():
        policies = [policy_of(name) for name in args.policies]
        times = measure(policies, args.given, args.repeats)  # (P, N) [ms]
    kinds = [name_of(policy) for policy in policies]
    reference = kinds.index("ibc") if "ibc" in kinds else None
    print(f"policy  median [ms]  p99 [ms]  ratio to ibc  ({args.given} given, one core)")
    for name, kind, row in zip(args.policies, kinds, times, strict=True):
        ratio = "-"
        if reference is not None:
            ratio = f"{np.median(row) / np.median(times[reference]):.3f}"
        label = name if name == kind else f"{kind} {name}"
        print(f"{label}  {np.median(row):.3f}  {np.percentile(row, 99):.3f}  {ratio}")


def measure(policies: list[Policy], given: int, repeats: int) -> np.ndarray:
    """Milliseconds of each of `repeats` calls, `(P, repeats)`, in turns."""
    rng = np.random.default_rng(0)
    times = np.zeros((len(policies), repeats))
    warm_up = 20
    for call in range(-warm_up, repeats):
        for index, policy in enumerate(policies):
            obs = rng.standard_normal(policy.obs_dim).astype(np.float32)
            mask = rng.permutation(policy.action_dim) < given
            partial = PartialAction(rng.uniform(-1, 1, policy.action_dim), mask)
            start = time.perf_counter()
            policy.act(obs, partial)
            if call >= 0:
                times[index, call] = 1e3 * (time.perf_counter() - start)
    return times
