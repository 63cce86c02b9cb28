"""Training throughput: the trainer against the bare loop, and against the size of the data."""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import page
from benchmarks.engine import memory
from benchmarks.fill_in import BATCH
from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations
from mac_control.demonstrations.table import Table
from mac_control.parallel import one_thread
from mac_control.training import TrainConfig, new_policy, train

#: Policy -> steps to measure: each takes a few seconds.
STEPS = {"bc": 400, "diffusion": 300, "mac": 75, "ibc": 50}
ROUNDS = 3  # of both sides, in turns
EPISODE = 200  # steps


def tables(scale: float, sizes: Sequence[int]) -> list[page.Table]:
    """`scale` times the usual steps; sizes of data in steps."""
    demonstrations = load_demonstrations("builtin")
    with one_thread():
        policies = [_policy(name, demonstrations, scale) for name in STEPS]
        data = [_data(size, scale) for size in sizes]
    for row in data:
        row["ratio"] = row["time of a step [ms]"] / data[0]["time of a step [ms]"]
    return [
        page.Table(
            "Training throughput",
            f"Demonstration steps per second, batches of {BATCH}, one core. The ratio is the"
            " trainer's throughput (averaging, clipping, logs, checks, saves) to that of the bare"
            f" loop: draw, loss, backward, AdamW; medians of {ROUNDS} rounds.",
            policies,
        ),
        page.Table(
            "Growth with the data",
            f"A training step of BC, batches of {BATCH}, against the number of demonstration steps"
            " in memory. The ratio is to the first row; memory is the peak during the run.",
            data,
        ),
    ]


def _policy(name: str, demonstrations: Demonstrations, scale: float) -> dict[str, Any]:
    steps = max(8, int(scale * STEPS[name]))
    rounds = [
        (trainer_seconds(name, demonstrations, steps)[0], _bare(name, demonstrations, steps))
        for _ in range(ROUNDS if scale >= 1 else 1)
    ]
    trainer, bare = np.median(rounds, axis=0)
    return {
        "policy": name if name == "diffusion" else name.upper(),
        "trainer [1/s]": float(BATCH / trainer),
        "bare loop [1/s]": float(BATCH / bare),
        "ratio": float(np.median([b / t for t, b in rounds])),
    }


def trainer_seconds(
    name: str, demonstrations: Demonstrations, steps: int, **options: Any
) -> tuple[float, float]:
    """Seconds of a step, from the run's own log, and those of the first quarter, a warm-up.

    `options` are `train`'s `policy_config` and `seeds`, and fields of :class:`TrainConfig`.
    """
    own = {key: options.pop(key) for key in ("policy_config", "seeds") if key in options}
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            steps=steps, batch_size=BATCH, warmup=0, check_every=steps // 4, **options
        )
        train(name, demonstrations, folder, config=config, progress=False, **own)
        with open(Path(folder) / "log.csv", newline="") as file:
            rows = list(csv.DictReader(file))
    first, last = rows[0], rows[-1]
    seconds = float(last["seconds"]) - float(first["seconds"])
    return max(seconds, 0.01) / (int(last["step"]) - int(first["step"])), float(first["seconds"])


def _bare(name: str, demonstrations: Demonstrations, steps: int) -> float:
    """Seconds of a step of the shortest loop that trains."""
    policy = new_policy(name, demonstrations, seed=0).train()
    table = Table(demonstrations)
    optimizer = torch.optim.AdamW(policy.parameters(), fused=True)
    generator = torch.Generator().manual_seed(0)
    warm_up = 5
    for step in range(-warm_up, steps):
        if step == 0:
            start = time.perf_counter()
        rows = torch.randint(len(table), (BATCH,), generator=generator)
        loss = policy.loss(policy.draw(policy.training_rows(table, rows), generator))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (time.perf_counter() - start) / steps


def _data(size: int, scale: float) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    before = memory("cpu")
    episodes = [
        Episode(
            rng.standard_normal((EPISODE, 30), np.float32),
            np.tanh(rng.standard_normal((EPISODE, 9), np.float32)),
        )
        for _ in range(max(2, size // EPISODE))
    ]
    steps = max(8, int(scale * STEPS["bc"]))
    seconds, _ = trainer_seconds("bc", Demonstrations(episodes), steps)
    peak = memory("cpu", peak=True)
    return {
        "steps of data": f"{size:,}",
        "time of a step [ms]": 1e3 * seconds,
        "ratio": 1.0,
        "peak memory [MiB]": None if before is None or peak is None else peak - before,
    }
