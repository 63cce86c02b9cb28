"""Rates density models on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass
class Args:
    """Bits per dimension of test rows: joint, marginals, the rest given random evidence.

    All are divided by the number of variables, as in the published tables. --out collects one JSON
    row per model, which 'mac-control density report' turns into a page.
    """

    models: tuple[Path, ...]
    """Folders of models that were trained on this data."""
    data: Path
    """File or folder, as for train."""
    kind: Literal["auto", "text", "images", "tables"] = "auto"
    """What the data is."""
    preprocessing: Literal["none", "power", "gas", "hepmass", "miniboone", "bsds"] = "none"
    """Preprocessing of a table, as published."""
    clean: bool = False
    """Convert text to a to z and spaces."""
    split: Literal["test", "validation"] = "test"
    """Rows to rate on."""
    rows: int = 200
    """How many, spread over the split."""
    orders: tuple[Literal["trained", "natural", "spaced", "random"], ...] = ("trained",)
    """Orders of the queries; trained: as the model was trained."""
    out: Path | None = None
    """File (.jsonl) to add rows to; one of the same folder, data, split and order is replaced."""
    device: str = "cpu"
    """cpu, cuda, ..."""
    threads: int = 1
    """Threads of torch."""


def main(args: Args) -> int | None:
    import os
    import sys

    from mac_control.density.data import load_data
    from mac_control.density.evaluation import rate
    from mac_control.density.load import load_density
    from mac_control.density.reporting import add_row, curve
    from mac_control.errors import InputError
    from mac_control.parallel import use_threads

    use_threads(args.threads)
    if args.rows < 1:
        raise InputError(f"rows: expected at least 1, got {args.rows}")
    if not args.models:
        raise InputError("models: expected at least one folder, got none")
    if not args.orders:
        raise InputError("orders: expected at least one, got none; leave it out for trained")
    heading = f"{'model':<32} {'order':<8} " + " ".join(f"{n:>12}" for n in HEADER)
    for folder in args.models:
        model = load_density(folder, args.device)
        config = model.config
        whole = config.kind == "images" and config.shape[0] != config.shape[1]  # crops are square
        size = None if whole or config.kind == "tables" else config.shape[0]
        kind = config.kind if args.kind == "auto" else args.kind
        data = load_data(args.data, kind, size, args.preprocessing, args.clean)
        if (data.kind, data.shape) != (config.kind, config.shape):
            raise InputError(
                f"data: expected {config.kind} of shape {config.shape}, as {folder} was trained "
                f"on, got {data.kind} {data.shape}"
            )
        digest = data.digest()
        if model.checkpoint.get("data", {}).get("sha256", digest) != digest:
            print(
                f"{folder}: expected the data it was trained on, got others in {args.data}: they "
                "are split anew, so that it may have been trained on rows rated here",
                file=sys.stderr,
            )
        rows = data.rows(args.split, args.rows)
        for name in args.orders:
            order = None if name == "trained" else name
            found = {"model": folder.name, **rate(model, rows, order)}
            found["curve"] = curve(folder / "log.csv")
            cells = " ".join(f"{found[n]['mean']:12.4f}" for n in HEADER)
            if heading:
                print(heading)
                heading = ""
            print(f"{folder.name:<32} {found['asked_in']:<8} {cells}", flush=True)
            if args.out:  # a path from there tells models of one name apart
                found["folder"] = os.path.relpath(folder, args.out.parent)
                found |= {"split": args.split, "data": digest}
                add_row(args.out, found)
    return 0


#: Columns: kinds of query.
HEADER = ("joint", "marginal", "conditional", "evidence")
