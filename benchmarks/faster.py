"""Ways to train faster, against plain training: seeds side by side, bfloat16, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import page
from benchmarks.throughput import ROUNDS, STEPS, trainer_seconds
from mac_control.demonstrations import Demonstrations, load_demonstrations
from mac_control.errors import InputError
from mac_control.parallel import one_thread
from mac_control.policies import policy_class
from mac_control.training import TrainConfig

SEEDS = 4
WIDTHS = (16, 64, 256)
WAYS: dict[str, dict[str, bool]] = {
    "float32": {},
    "bfloat16": {"bf16": True},
    "compiled": {"compile": True},
    "compiled, bfloat16": {"compile": True, "bf16": True},
}


def tables(scale: float) -> list[page.Table]:
    """`scale` times the usual steps."""
    demonstrations = load_demonstrations("builtin")
    rounds = ROUNDS if scale >= 1 else 1
    with one_thread():
        side_by_side = [
            _side_by_side(name, width, demonstrations, scale, rounds)
            for name in ("bc", "mac")
            for width in WIDTHS
        ]
        ways = [row for name in ("bc", "mac") for row in _ways(name, demonstrations, scale)]
    return [
        page.Table(
            "Seeds side by side",
            f"{SEEDS} seeds trained in one process with stacked parameters, against one after"
            " another, one core; networks of different width. The ratio is of throughput, summed"
            f" over seeds; medians of {ROUNDS} rounds. Above 1 it pays to stack them.",
            side_by_side,
        ),
        page.Table(
            "Arithmetic of training",
            "Training steps per second, one core, from the run's own log after its first quarter."
            " The ratio is to float32. The last column is what the first quarter took, compiling"
            " included.",
            ways,
        ),
    ]


def _side_by_side(
    name: str, width: int, demonstrations: Demonstrations, scale: float, rounds: int
) -> dict[str, Any]:
    widths = {"width": width, "obs_width": width} if name == "mac" else {"width": width}
    policy = policy_class(name).Config(**widths)
    steps = max(8, int(scale * STEPS[name]))
    found = [
        [
            trainer_seconds(name, demonstrations, steps, policy_config=policy, seeds=seeds)[0]
            for seeds in ((0,), tuple(range(SEEDS)))
        ]
        for _ in range(rounds)
    ]
    one, many = np.median(found, axis=0)
    return {
        "policy": name.upper(),
        "width": f"{width}",
        "a step of one seed [ms]": 1e3 * float(one),
        f"of {SEEDS} [ms]": 1e3 * float(many),
        "ratio": float(np.median([SEEDS * a / b for a, b in found])),
    }


def _ways(name: str, demonstrations: Demonstrations, scale: float) -> list[dict[str, Any]]:
    steps = max(8, int(scale * STEPS[name]))
    rows: list[dict[str, Any]] = []
    for way, options in WAYS.items():
        try:
            TrainConfig(**options)
        except InputError:  # no compiler here
            continue
        seconds, first = trainer_seconds(name, demonstrations, steps, **options)
        base = rows[0]["step [ms]"] if rows else 1e3 * seconds
        rows.append(
            {
                "policy": name.upper(),
                "arithmetic": way,
                "step [ms]": 1e3 * seconds,
                "ratio": base / (1e3 * seconds),
                "first quarter [s]": first,
            }
        )
    return rows
