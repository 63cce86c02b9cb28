"""Measures what a training step costs: time, memory, conditionals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mac_control.density.config import PRESETS, DensityConfig
from mac_control.density.model import DensityModel
from mac_control.engine.masks import any_order_edges
from mac_control.engine.two_stream import TwoStream

#: Memory sizes for which the largest batch is computed [bytes].
LIMITS = {"24 GiB": 24 << 30, "80 GiB": 80 << 30}
_HEADROOM = 0.85  # usable share of a limit: kernels and allocators need the rest
_COPIES = 5  # weights, gradients, two moments, the average


def measure(
    preset: str, dim: int, recompute: bool, steps: int, device: str, bf16: bool
) -> dict[str, Any]:
    """Time and memory of a training step on whole rows of D variables; 0 steps: memory only."""
    network, head = _small(preset, dim)
    network.to(device).train().recompute = recompute
    rows = max(1, 4096 // dim) if steps else 1
    x = torch.randint(27, (rows, dim)).float().to(device)
    path = torch.arange(dim, device=device).expand(rows, -1)
    weights = sum(p.numel() for p in network.parameters())

    def loss() -> Tensor:
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bf16):
            params = network.along(x, path)
        return -head.log_prob(params.float(), x).mean()

    saved = _saved_bytes(loss, network)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-4, fused=True)
    seconds = _time(lambda: _step(optimizer, loss), steps, device) if steps else None
    fixed = 4 * _COPIES * weights
    row = saved / rows
    return {
        "preset": preset,
        "dim": dim,
        "recompute": recompute,
        "device": device,
        "bf16": bf16,
        "rows": rows,
        "weights": weights,
        "seconds_a_step": None if seconds is None else round(seconds, 4),
        "variables_a_second": None if seconds is None else round(rows * dim / seconds, 1),
        "fixed_mib": round(fixed / 2**20, 1),
        "kept_mib_a_row": round(row / 2**20, 2),
        "largest_batch": {
            name: max(0, int((_HEADROOM * limit - fixed) // row)) for name, limit in LIMITS.items()
        },
    }


def compare_edges(dim: int, steps: int, device: str, bf16: bool) -> dict[str, Any]:
    """Compare one path a row with one edge a row, on the same network and batch."""
    network, head = _small("small", dim)
    network.to(device).train()
    rows = 16
    x = torch.randint(27, (rows, dim)).float().to(device)
    path = torch.arange(dim, device=device).expand(rows, -1)
    generator = torch.Generator().manual_seed(0)
    kind = torch.device(device).type

    def whole() -> Tensor:
        with torch.autocast(kind, torch.bfloat16, enabled=bf16):
            params = network.along(x, path)
        return -head.log_prob(params.float(), x).mean()

    def edge() -> Tensor:
        known, target = (m.to(device) for m in any_order_edges(rows, dim, generator))
        rank = torch.where(known, 0, torch.where(target, 1, dim + 1))
        with torch.autocast(kind, torch.bfloat16, enabled=bf16):
            params = network(x, rank)
        return -head.log_prob(params.float(), x)[target].mean()

    optimizer = torch.optim.AdamW(network.parameters(), 1e-4, fused=True)
    one, many = (_time(lambda f=f: _step(optimizer, f), 2 * steps, device) for f in (edge, whole))
    return {
        "compared": "one path a row, one edge a row",
        "dim": dim,
        "rows": rows,
        "device": device,
        "bf16": bf16,
        "edge_steps_a_second": round(1 / one, 3),
        "path_steps_a_second": round(1 / many, 3),
        "edge_ms_a_conditional": round(1e3 * one / rows, 4),
        "path_ms_a_conditional": round(1e3 * many / (rows * dim), 4),
        "times_cheaper": round(one * dim / many, 1),
    }


def page(rows: list[dict[str, Any]]) -> str:
    """The measurements as a page in Markdown."""
    lines = [
        "# What a training step costs",
        "",
        "`mac-control density cost`. Whole rows of D symbols, batches of about 4,096 variables; on "
        "a CPU, seconds are processor time. Fixed: weights, gradients, Adam's moments and the "
        "averaged weights. Kept: what one row keeps for the backward pass, counted tensor by "
        "tensor. Recompute: activations inside layers are computed again in the backward pass. "
        f"Largest batch: computed from these, with {1 - _HEADROOM:.0%} of the memory left free; it "
        "was not run. Where the table says so, a step was not run either: the memory of one row's "
        "forward pass was counted.",
        "",
        "| network | D | recompute | s a step | variables a s | fixed [MiB] | kept a row [MiB] | "
        + " | ".join(f"largest batch, {name}" for name in LIMITS)
        + " |",
        "|---|---:|---|---:|---:|---:|---:|" + "---:|" * len(LIMITS),
    ]
    for row in (r for r in rows if "preset" in r):
        cells = [f"{row['preset']}, {row['weights'] / 1e6:.1f} M weights", f"{row['dim']:,}"]
        timed = row["seconds_a_step"] is not None
        cells += ["yes" if row["recompute"] else "no"]
        cells += [f"{row['seconds_a_step']:.2f}" if timed else "not run"]
        cells += [f"{row['variables_a_second']:,.0f}" if timed else "not run"]
        cells += [f"{row['fixed_mib']:,.0f}"]
        cells += [f"{row['kept_mib_a_row']:,.1f}"]
        cells += [f"{row['largest_batch'][name]:,}" for name in LIMITS]
        lines.append("| " + " | ".join(cells) + " |")
    for row in (r for r in rows if "compared" in r):
        lines += [
            "",
            f"## One path against one edge per forward pass, D = {row['dim']}",
            "",
            f"The same network and batch of {row['rows']} rows, forward, backward and optimizer.",
            "",
            "| | steps a second | conditionals a step | ms a conditional |",
            "|---|---:|---:|---:|",
            f"| one edge a row | {row['edge_steps_a_second']} | {row['rows']} | "
            f"{row['edge_ms_a_conditional']} |",
            f"| one path a row | {row['path_steps_a_second']} | {row['rows'] * row['dim']:,} | "
            f"{row['path_ms_a_conditional']} |",
            "",
            f"A conditional is **{row['times_cheaper']} times** cheaper as part of a path. (A pass "
            "computes a query for every variable on its path; one edge a row uses a single one of "
            "them. Computing that one alone would take it about half the time.)",
        ]
    devices = sorted({f"{r['device']}, {'bf16' if r['bf16'] else 'float32'}" for r in rows})
    return "\n".join([*lines, "", f"Measured on: {'; '.join(devices)}."]) + "\n"


def _small(preset: str, dim: int) -> tuple[TwoStream, Any]:
    kind = "text" if dim <= 1024 else "images"
    shape = (dim,) if kind == "text" else (32, 32, dim // 1024)
    settings = {**PRESETS[kind, preset][0], "kind": kind, "shape": shape, "head": "categorical"}
    model = DensityModel(DensityConfig(**settings))  # type: ignore[arg-type]
    assert isinstance(model.network, TwoStream)
    return model.network, model.head


def _step(optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> None:
    optimizer.zero_grad()
    loss().backward()
    optimizer.step()


def _time(step: Callable[[], None], steps: int, device: str) -> float:
    """Seconds a step; on a CPU the CPU time of all threads, whatever else the machine does."""
    step()
    if not device.startswith("cuda"):
        began = time.process_time()
        for _ in range(steps):
            step()
        return (time.process_time() - began) / steps
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / steps


def _saved_bytes(loss: Callable[[], Tensor], network: torch.nn.Module) -> int:
    """Bytes of all storages kept for the backward pass, without weights."""
    own = {p.untyped_storage().data_ptr() for p in network.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = loss()  # kept alive until the count is taken
        total = sum(kept.values())
        del value
    return total
