"""Measures what a training step costs, and computes what fits where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass
class Args:
    """Time and memory of a training step at several D, and one path against one edge at a time.

    Memory is counted, not sampled: weights, gradients, both moments and the average, and every
    tensor that is kept for the backward pass. The largest batches are computed from it.
    """

    out: Path
    """Folder for cost.jsonl and README.md."""
    dims: tuple[int, ...] = (256, 1024, 3072)
    """Variables of a row: at most 1024, or a multiple of it."""
    presets: tuple[Literal["small", "published"], ...] = ("small",)
    """Networks."""
    steps: int = 3
    """Steps that are timed, after one that is not."""
    memory_only: tuple[Literal["small", "published"], ...] = ()
    """Networks whose memory is counted in a forward pass of one row, without a training step."""
    edge_dim: int = 250
    """Variables for the comparison with one edge per forward pass; 0: none."""
    device: str = "cpu"
    """cpu, cuda, ..."""
    bf16: bool = True
    """bfloat16 where the device has it."""
    threads: int = 1
    """Threads of torch."""


def main(args: Args) -> int | None:
    import json

    from mac_control.density.costs import compare_edges, measure, page
    from mac_control.errors import InputError
    from mac_control.files import write_text
    from mac_control.parallel import use_threads
    from mac_control.training.arithmetic import has_bf16

    use_threads(args.threads)
    bf16 = args.bf16 and has_bf16(args.device)
    if args.steps < 1:
        raise InputError(f"steps: expected at least 1, got {args.steps}; see memory-only")
    for dim in (*args.dims, args.edge_dim or 1):
        if dim < 1 or (dim > 1024 and dim % 1024):
            raise InputError(
                "dims, edge_dim: expected 1 to 1024 characters, or a multiple of 1024 for images "
                f"of 32 by 32 pixels, got {dim}"
            )
    rows = []
    for preset in (*args.presets, *args.memory_only):
        steps = 0 if preset in args.memory_only else args.steps
        for dim in args.dims:
            for recompute in (False, True):
                rows.append(measure(preset, dim, recompute, steps, args.device, bf16))
                print(json.dumps(rows[-1]), flush=True)
    if args.edge_dim:
        rows.append(compare_edges(args.edge_dim, args.steps, args.device, bf16))
        print(json.dumps(rows[-1]), flush=True)
    write_text(args.out / "cost.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write_text(args.out / "README.md", page(rows))
    print(args.out / "README.md")
    return 0
