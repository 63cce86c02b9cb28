"""Speed of the engine, as ratios in one run: one pass, the cache, cost against size."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mac_control.engine.mixtures import GaussianMixture
from mac_control.engine.mlp import MaskedMLP
from mac_control.engine.model import AnyOrder
from mac_control.engine.network import Network
from mac_control.engine.orders import path_ranks, permutations
from mac_control.engine.transformer import Transformer
from mac_control.files import write_json, write_text

OBS_DIM = 30
NETWORKS: dict[str, Callable[[int, int], Network]] = {
    "transformer": lambda dim, params: Transformer(dim, OBS_DIM, params, width=64, layers=2),
    "transformer, ordered": lambda dim, params: Transformer(
        dim, OBS_DIM, params, width=64, layers=2, ordered=True
    ),
    "mlp": lambda dim, params: MaskedMLP(dim, OBS_DIM, params, width=256, layers=2),
}


@dataclass
class Args:
    """Measure the engine; times are medians, and the ratios are what matters."""

    out: str = "results/engine"
    """Folder for results.json and README.md."""
    seconds: float = 2.0
    """Time to spend on each figure [s]."""
    largest: int = 288
    """Greatest number of dimensions."""
    batches: str = "1,16,256,4096"
    """Batch sizes, with commas."""
    device: str = "cpu"
    """Device to compute on: cpu or cuda."""


def main(args: Args) -> None:
    """Run every measurement, print the report, write it with its figures."""
    results = measure(args)
    text = report(results)
    print(text)
    write_json(Path(args.out) / "results.json", results)
    write_text(Path(args.out) / "README.md", text)


def measure(args: Args) -> dict[str, Any]:
    """All figures, by table."""
    torch.set_num_threads(1)
    return {
        "device": args.device,
        "training": [_training(kind, args) for kind in NETWORKS],
        "cache": [
            _cache(kind, dim, args)
            for kind in ("transformer", "transformer, ordered")
            for dim in (9, 72)
            if dim <= args.largest
        ],
        "dimensions": [
            _size(kind, dim, 16, args)
            for kind in ("transformer", "mlp")
            for dim in (9, 72, 288)
            if dim <= args.largest
        ],
        "batch": [
            _size(kind, 9, batch, args)
            for kind in ("transformer", "mlp")
            for batch in map(int, args.batches.split(","))
        ],
    }


def report(results: dict[str, Any]) -> str:
    """The tables, as Markdown."""
    lines = [
        "# Speed of the engine",
        "",
        f"`python -m benchmarks engine` on {results['device']}, one thread; medians (on a CPU: of"
        " the thread's own time). Ratios compare two ways of computing the same thing in one"
        " process; times depend on the machine.",
        "",
        "## Conditionals trained per second (9 dimensions, batch 128)",
        "",
        "| network | one pass per path | one conditional per forward | ratio |",
        "|---|---:|---:|---:|",
    ]
    for r in results["training"]:
        lines.append(f"| {r['network']} | {r['path']:,.0f} | {r['edge']:,.0f} | {r['ratio']:.1f} |")
    lines += [
        "",
        "The masked MLP cannot compute a path in one pass: each known set on it costs one row,"
        " and a row answers every dimension.",
        "",
        "## Sampling with cached keys and values (batch 16)",
        "",
        "| network | D | cached [ms] | recomputed [ms] | ratio |",
        "|---|---:|---:|---:|---:|",
    ]
    for r in results["cache"]:
        lines.append(
            f"| {r['network']} | {r['dim']} | {r['cached_ms']:.1f} | {r['recomputed_ms']:.1f} "
            f"| {r['ratio']:.1f} |"
        )
    for key, title in (
        ("dimensions", "Cost against D (batch 16)"),
        ("batch", "Cost against batch size (D = 9)"),
    ):
        lines += [
            "",
            f"## {title}",
            "",
            "| network | D | batch | log_prob [ms] | fill in all [ms] | fill in 3 [ms] "
            "| peak memory [MiB] |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        for r in results[key]:
            memory = "-" if r["peak_mib"] is None else f"{r['peak_mib']:.0f}"
            lines.append(
                f"| {r['network']} | {r['dim']} | {r['batch']} | {r['log_prob_ms']:.1f} "
                f"| {r['fill_ms']:.1f} | {r['fill_3_ms']:.1f} | {memory} |"
            )
    lines += [
        "",
        "## Elsewhere, and not measured",
        "",
        "Training in bfloat16, compiled, and with several seeds side by side, on a CPU:"
        " `benchmarks/README.md`. The engine has never been run on a GPU, so there are no figures"
        " for it.",
    ]
    return "\n".join(lines) + "\n"


def _training(kind: str, args: Args) -> dict[str, Any]:
    """Conditionals trained per second: all of a path in one pass, or one per pass."""
    batch, dim = 128, 9
    model, x, obs = _problem(kind, dim, batch, args.device)
    nothing = torch.zeros_like(x, dtype=torch.bool)

    def step(rank: Tensor, asked: Tensor, levels: int) -> None:
        log_prob = model.head.log_prob(model.network(x, rank, obs, levels), x)
        (-(asked * log_prob).sum() / asked.sum()).backward()

    place = permutations(batch, dim, torch.Generator().manual_seed(0)).to(x.device)
    path = path_ranks(nothing, ~nothing, place)
    cut = torch.randint(dim, (batch, 1), generator=torch.Generator().manual_seed(0)).to(x.device)
    edge = torch.where(place < cut, 0, torch.where(place == cut, 1, dim + 1))
    every, one = _compare(
        [
            lambda: step(path, torch.ones_like(x), dim),
            lambda: step(edge, (edge == 1).to(x), 1),
        ],
        args,
    )
    rates = {"path": batch * dim / every, "edge": batch / one}
    return {"network": kind, **rates, "ratio": rates["path"] / rates["edge"]}


def _cache(kind: str, dim: int, args: Args) -> dict[str, Any]:
    """Filling in all dimensions by cached steps, and by a whole pass for each."""
    model, x, obs = _problem(kind, dim, 16, args.device)
    place = torch.arange(dim, device=x.device).expand(len(x), dim)

    def recompute() -> None:
        filled = torch.zeros_like(x)
        for step in range(dim):
            rank = torch.where(place < step, 0, torch.where(place == step, 1, dim + 1))
            params = model.network(filled, rank, obs, levels=1)[:, step]
            filled[:, step] = model.head.mean(params)

    with torch.inference_mode():
        cached, recomputed = _compare([lambda: model.mean(x, obs=obs), recompute], args)
    return {
        "network": kind,
        "dim": dim,
        "cached_ms": 1e3 * cached,
        "recomputed_ms": 1e3 * recomputed,
        "ratio": recomputed / cached,
    }


def _size(kind: str, dim: int, batch: int, args: Args) -> dict[str, Any]:
    """Times and memory of one size."""
    model, x, obs = _problem(kind, dim, batch, args.device)
    most = torch.ones_like(x, dtype=torch.bool)
    most[:, :3] = False
    with torch.inference_mode():
        before = memory(args.device)
        log_prob, fill, fill_3 = _compare(
            [
                lambda: model.log_prob(x, obs=obs),
                lambda: model.mean(x, obs=obs),
                lambda: model.mean(x, most, obs),
            ],
            args,
        )
        after = memory(args.device, peak=True)
    return {
        "network": kind,
        "dim": dim,
        "batch": batch,
        "log_prob_ms": 1e3 * log_prob,
        "fill_ms": 1e3 * fill,
        "fill_3_ms": 1e3 * fill_3,
        "peak_mib": None if before is None or after is None else after - before,
    }


def _problem(kind: str, dim: int, batch: int, device: str) -> tuple[AnyOrder, Tensor, Tensor]:
    head = GaussianMixture(5)
    network = NETWORKS[kind](dim, head.size).to(device)
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(batch, dim, generator=generator).to(device) * 2 - 1
    obs = torch.randn(batch, OBS_DIM, generator=generator).to(device)
    return AnyOrder(network, head), x, obs


def _compare(actions: list[Callable[[], Any]], args: Args) -> list[float]:
    """Median seconds of each action, measured in turns, so that other load affects all equally."""
    # On a CPU, time of this thread only: waiting for a busy core does not count.
    clock = time.thread_time if args.device == "cpu" else time.perf_counter
    times: list[list[float]] = [[] for _ in actions]
    deadline = time.perf_counter() + args.seconds
    while not times[0][2:] or time.perf_counter() < deadline:
        for action, taken in zip(actions, times, strict=True):
            began = clock()
            action()
            if args.device != "cpu":
                torch.cuda.synchronize()
            taken.append(clock() - began)
    return [float(np.median(taken[1:])) for taken in times]  # the first is a warm-up


def memory(device: str, peak: bool = False) -> float | None:
    """Memory in use, or its peak since the last call without `peak` [MiB]."""
    if device != "cpu":
        if not peak:
            torch.cuda.reset_peak_memory_stats()
        return torch.cuda.max_memory_allocated() / 2**20
    try:  # Linux only: 5 resets the peak of the resident memory
        if not peak:
            ctypes.CDLL(None).malloc_trim(0)  # freed memory that is still held would hide a peak
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
    except (OSError, AttributeError):
        return None
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
