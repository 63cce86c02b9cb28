"""The sections of the page of benchmarks: what each measures, and its tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.page import Table
from mac_control.parallel import cores, one_thread

if TYPE_CHECKING:
    from benchmarks.all import Args


def _fill_in(args: Args) -> list[Table]:
    from benchmarks import fill_in

    return fill_in.tables(args.work, args.steps, args.episodes, _times(1000, args))


def _footprint(args: Args) -> list[Table]:
    from benchmarks import fill_in, footprint
    from mac_control.export import export_policy

    folder = fill_in.trained(args.work, args.steps)["mac"]
    return footprint.tables(folder, export_policy(fill_in.learned(folder), args.work / "mac.onnx"))


def _startup(args: Args) -> list[Table]:
    from benchmarks import startup

    return startup.tables(_times(5, args))


def _rollouts(args: Args) -> list[Table]:
    from benchmarks import collecting, rollouts

    options = rollouts.Args(rounds=3, steps=_times(60, args))
    many = cores()
    counts = sorted({1, many})
    found = {workers: rollouts.ratios(options, workers) for workers in counts}
    against = [
        {
            "what": f"rollouts of {row['policy'].upper()}",
            "processes": many,
            "steps per second": row["rollouts"],
            "mj_step × 40 per second": row["mj_step"],
            "ratio": [row["ratio"], *row["range"]],
        }
        for row in found[many]
    ]
    episodes = collecting.Args(episodes=max(many, _times(4, args)))
    _, mine, bare = collecting.compare(episodes, many)
    against.append(
        {
            "what": "collecting with the scripted expert",
            "processes": many,
            "steps per second": many * 1e3 / mine,
            "mj_step × 40 per second": many * 1e3 / bare,
            "ratio": bare / mine,
        }
    )
    growth = [
        {
            "policy": row["policy"].upper(),
            "processes": workers,
            "steps per second": row["rollouts"],
            "ratio": row["rollouts"] / one["rollouts"],
            "ratio per process": row["rollouts"] / one["rollouts"] / workers,
        }
        for workers in counts
        for row, one in zip(found[workers], found[1], strict=True)
    ]
    return [
        Table(
            "Rollouts against the bare simulator",
            "Environment steps per second of all processes, 20 episodes in lockstep in each; then "
            "the same motor commands to `mj_step` alone. Median, lowest and highest of 3 rounds. "
            "Collecting: per second of processor time.",
            against,
        ),
        Table(
            "Growth with processes",
            "The same rollouts on one core and on all. The ratio is to one process.",
            growth,
        ),
    ]


def _training(args: Args) -> list[Table]:
    from benchmarks import throughput

    return throughput.tables(args.scale, (10**4, 10**5, 10**6))


def _faster(args: Args) -> list[Table]:
    from benchmarks import faster

    return faster.tables(args.scale)


def _growth(args: Args) -> list[Table]:
    from benchmarks import engine

    full = args.scale >= 0.1  # else only a check that it works
    options = engine.Args(
        seconds=0.5 * args.scale, largest=288 if full else 9, batches="1,16,256" if full else "1,2"
    )
    with one_thread():
        results = engine.measure(options)
    tables = [
        Table(
            "Every conditional of a path in one pass",
            "Conditionals trained per second, nine dimensions, batch 128, one core. The ratio is to"
            " one conditional in each forward pass.",
            [
                {
                    "network": row["network"],
                    "one pass [1/s]": row["path"],
                    "one each [1/s]": row["edge"],
                    "ratio": row["ratio"],
                }
                for row in results["training"]
            ],
        ),
        Table(
            "Filling in with cached keys and values",
            "Batch 16. The ratio is of the time of a whole pass for each dimension to the cached.",
            [
                {
                    "network": row["network"],
                    "D": f"{row['dim']}",
                    "cached [ms]": row["cached_ms"],
                    "recomputed [ms]": row["recomputed_ms"],
                    "ratio": row["ratio"],
                }
                for row in results["cache"]
            ],
        ),
    ]
    for key, title in (("dimensions", "dim"), ("batch", "batch")):
        rows = results[key]
        first = {row["network"]: row for row in reversed(rows)}
        tables.append(
            Table(
                "Growth with D" if title == "dim" else "Growth with the batch",
                ("Batch 16. " if title == "dim" else "Nine dimensions. ")
                + "The ratio is of the time to fill in everything, to the network's first row.",
                [
                    {
                        "network": row["network"],
                        "D" if title == "dim" else "batch": f"{row[title]}",
                        "log_prob [ms]": row["log_prob_ms"],
                        "fill in all [ms]": row["fill_ms"],
                        "ratio": row["fill_ms"] / first[row["network"]]["fill_ms"],
                        "fill in 3 [ms]": row["fill_3_ms"],
                        "peak memory [MiB]": row["peak_mib"],
                    }
                    for row in rows
                ],
            )
        )
    return tables


def _teleop(args: Args) -> list[Table]:
    from benchmarks import latency, teleop
    from benchmarks.fresh import policy_of

    rows: list[dict[str, Any]] = []
    with one_thread():
        for name in ("bc", "mac"):
            policy = policy_of(name)
            message = {"axes": {f"dim{d}": 0.1 for d in range(3)}}
            alone = latency.measure([policy], 3, _times(300, args))[0]
            whole = teleop.measure(policy, message, _times(300, args))[:, 0]
            rows.append(
                {
                    "policy": name.upper(),
                    "message to action, median [ms]": float(np.median(whole)),
                    "p99 [ms]": float(np.percentile(whole, 99)),
                    "fill-in alone, median [ms]": float(np.median(alone)),
                    "ratio": float(np.median(whole) / np.median(alone)),
                }
            )
    return [
        Table(
            "From a device's message to the action",
            "Three of nine dimensions are driven, on one core, model included. The ratio is to the "
            "fill-in alone.",
            rows,
        )
    ]


def _times(count: int, args: Args) -> int:
    return max(2, int(count * args.scale))


#: Name -> what measures it, in the order of the page.
SECTIONS: dict[str, Callable[[Args], list[Table]]] = {
    "fill-in": _fill_in,
    "memory": _footprint,
    "start": _startup,
    "rollouts": _rollouts,
    "teleop": _teleop,
    "training": _training,
    "faster": _faster,
    "growth": _growth,
}
