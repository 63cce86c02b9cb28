"""Likelihood of any-order models: the paper's ablation, and other software on the same rows."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.density_data import SETS, read_table
from benchmarks.density_models import RULES, SIZES, fit_gmm, train_flow, train_rule
from benchmarks.density_report import write_report
from mac_control.errors import InputError
from mac_control.files import write_json


@dataclass
class Args:
    """Train every method on every table with every seed; finished cells are kept."""

    out: str = "results/density"
    """Folder for results.json, README.md and figure.png."""
    data: str = ""
    """Folder with the data sets (default: environment variable MAC_CONTROL_DATA)."""
    sets: str = ",".join(SETS)
    """Tables, with commas."""
    methods: str = ",".join((*RULES, "flow", "gmm"))
    """Methods, with commas."""
    seeds: int = 3
    """Training seeds per method."""
    steps: int | None = None
    """Training steps in place of each table's own, for a quick look."""
    max_test: int = 2000
    """Test rows."""


def main(args: Args) -> None:
    """Fill in the cells that are missing, then write the report."""
    chosen = _known("sets", args.sets, SETS)
    methods = _known("methods", args.methods, (*RULES, "flow", "gmm"))
    for method, package in (("flow", "zuko"), ("gmm", "sklearn")):
        if method in methods and find_spec(package) is None:
            raise InputError(f"methods: {method} needs {package}: pip install 'mac-control[bench]'")
    path = Path(args.out) / "results.json"
    cells: dict[str, Any] = json.loads(path.read_text())["cells"] if path.exists() else {}
    torch.set_num_threads(1)
    # Seeds outermost, so that an interruption leaves a whole comparison.
    todo = [(s, m, n) for s in range(args.seeds) for n in chosen for m in methods]
    tables = {name: read_table(name, args.data or None, args.max_test) for name in chosen}
    for seed, method, name in tqdm(todo, desc="cells"):
        key = f"{name}/{method}/{seed}"
        if key in cells:
            continue
        size = SIZES[name]
        if args.steps:
            size = replace(size, steps=args.steps, flow_steps=args.steps)
        if method in RULES:
            scores, info = train_rule(tables[name], method, seed, size)
        elif method == "flow":
            scores, info = train_flow(tables[name], seed, size)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of iterations that did not converge
                scores, info = fit_gmm(tables[name], seed, size)
        if not np.isfinite(list(scores.values())).all():
            raise FloatingPointError(f"{key}: a likelihood is not finite: {scores}")
        cells[key] = {"scores": scores, "info": info}
        write_json(path, {"cells": cells})
    write_report(cells, args.out)


def _known(name: str, text: str, known: Any) -> list[str]:
    chosen = [part for part in text.split(",") if part]
    wrong = [part for part in chosen if part not in known]
    if wrong or not chosen:
        raise InputError(f"{name}: expected some of {', '.join(known)}, got {text!r}")
    return chosen
