"""Rates baseline densities on a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass
class Args:
    """Fit a flow (zuko) or a Gaussian mixture (scikit-learn) to a table, and rate it like ours.

    Needs the extra 'bench'.
    """

    data: Path
    """File or folder, as for train."""
    method: Literal["flow", "mixture"]
    """Neural spline flow (joint only), or Gaussian mixture (every query, in closed form)."""
    out: Path
    """File (.jsonl) to add a row to; one of the same model and data is replaced."""
    preprocessing: Literal["none", "power", "gas", "hepmass", "miniboone", "bsds"] = "none"
    """Preprocessing of the table, as published."""
    bend: int = 0
    """Components of the mixture that makes each column normal; 0: columns are standardised."""
    steps: int = 500
    """Steps of the flow's optimizer."""
    rows: int = 2000
    """Test rows."""
    seed: int = 0
    """Seed of everything random."""


def main(args: Args) -> int | None:
    import torch

    from mac_control.density.baselines import rate_baseline
    from mac_control.density.data import load_data
    from mac_control.density.reporting import add_row

    torch.set_num_threads(1)
    data = load_data(args.data, "tables", None, args.preprocessing)
    found = rate_baseline(data, args.method, args.seed, args.steps, args.bend, args.rows)
    add_row(args.out, found)
    print(f"{found['method']}: joint {found['joint']['mean']:.4f} bits per dimension")
    return 0
