"""Memory and time of training against the size of the data: 10^4 to 10^7 steps."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from mac_control.demonstrations import load_demonstrations
from mac_control.demonstrations.stored import CACHE_VARIABLE, RESIDENT
from mac_control.files import write_json, write_text
from mac_control.training.config import TrainConfig
from mac_control.training.run import Run

OBS_DIM, ACTION_DIM, EPISODE = 60, 9, 200


@dataclass
class Args:
    """Train on files of D4RL's layout of several sizes, each in a process of its own."""

    out: str = "results/data"
    """Folder for results.json and README.md."""
    sizes: str = "10000,100000,1000000,10000000"
    """Steps of each file, with commas."""
    policies: str = "bc,mac"
    """Policies of default size."""
    steps: int = 200
    """Batches drawn, and training steps of the loss and its gradient, for each."""
    folder: str | None = None
    """Folder for temporary files; needs 620 bytes per step of data."""
    one: str | None = None
    """Internal: measure only this file."""


def main(args: Args) -> None:
    """Write each file in slices, measure it, remove it; then write the report."""
    torch.set_num_threads(1)
    if args.one:
        return _one(args)
    results: list[dict[str, Any]] = []
    for size in map(int, args.sizes.split(",")):
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            path = Path(folder) / f"steps-{size}.hdf5"
            write(path, size)
            for policy in args.policies.split(","):
                results.append(_measured(path, size, policy, args, Path(folder)))
                print(results[-1], flush=True)
    write_json(Path(args.out) / "results.json", {"rows": results, "resident_mib": RESIDENT})
    write_text(Path(args.out) / "README.md", report(results))
    print(report(results))


def write(path: Path, size: int, block: int = 200_000) -> None:
    """Random demonstrations in D4RL's layout, an end every 200 steps, written in slices."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        obs = file.create_dataset("observations", (size, OBS_DIM), np.float32)
        actions = file.create_dataset("actions", (size, ACTION_DIM), np.float32)
        ends = file.create_dataset("terminals", (size,), bool)
        for start in range(0, size, block):
            count = min(block, size - start)
            obs[start : start + count] = rng.standard_normal((count, OBS_DIM), np.float32)
            actions[start : start + count] = 2 * rng.random((count, ACTION_DIM), np.float32) - 1
            ends[start : start + count] = (np.arange(start, start + count) + 1) % EPISODE == 0


def report(results: list[dict[str, Any]]) -> str:
    """The table, as Markdown."""
    lines = [
        "# Training against the size of the data",
        "",
        "`python -m benchmarks data`, one thread. Files in D4RL's layout (random data, 60 observed"
        f" numbers, 9 action dimensions), each read and trained on in a process of its own. Up to"
        f" {RESIDENT} MiB of numbers stay in memory (`MAC_CONTROL_RESIDENT` [MiB] changes that)."
        " Larger files are read once, an episode at a time, into a file of rows in the cache"
        " (`MAC_CONTROL_CACHE`), from which each batch reads its rows. Peak memory: the process's"
        " largest resident set, torch's own memory included. Times are medians of the"
        " thread's own processor time, with batches of 256.",
        "",
        "| steps | file [MiB] | in memory | policy | peak memory [MiB] | draw a batch [ms]"
        " | training step [ms] | open, first time [s] | open again [s] |",
        "|---:|---:|---|---|---:|---:|---:|---:|---:|",
    ]
    for r in results:
        lines.append(
            f"| {r['size']:,} | {r['file_mib']:.0f} | {'yes' if r['resident'] else 'no'} "
            f"| {r['policy']} | {r['peak_mib']:.0f} | {r['draw_ms']:.2f} | {r['step_ms']:.1f} "
            f"| {r['open_s']:.1f} | {r['again_s']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def _measured(path: Path, size: int, policy: str, args: Args, folder: Path) -> dict[str, Any]:
    out = folder / f"{policy}.json"
    command = [sys.executable, "-m", "benchmarks", "data", "--one", str(path)]
    command += ["--policies", policy, "--steps", str(args.steps), "--out", str(out)]
    environment = os.environ | {CACHE_VARIABLE: str(folder / f"cache-{policy}")}
    subprocess.run(command, check=True, env=environment)
    shutil.rmtree(folder / f"cache-{policy}", ignore_errors=True)
    row = json.loads(out.read_text())
    return {"size": size, "file_mib": path.stat().st_size / 2**20, "policy": policy, **row}


def _one(args: Args) -> None:
    began = time.perf_counter()
    run = _run(args)
    opened = time.perf_counter() - began
    del run
    began = time.perf_counter()
    run = _run(args)
    again = time.perf_counter() - began
    draws, steps = [], []
    for run.step in range(args.steps):
        began = time.thread_time()
        batch = run.draw(0)
        drawn = time.thread_time()
        run.optimizer.zero_grad()
        run.policies[0].loss(batch).backward()
        run.optimizer.step()
        draws.append(drawn - began)
        steps.append(time.thread_time() - began)
    write_json(
        args.out,
        {
            "resident": run.data.resident,
            "draw_ms": 1e3 * float(np.median(draws)),
            "step_ms": 1e3 * float(np.median(steps)),
            "open_s": opened,
            "again_s": again,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        },
    )


def _run(args: Args) -> Run:
    data = load_demonstrations(args.one)
    config = TrainConfig(validation=0.1)
    return Run(args.policies, data, Path(args.out).parent / "run", (0,), None, config)
