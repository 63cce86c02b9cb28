"""Marginals of the kitchen by number of queried dimensions: MAC and the any-order baseline."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.density_data import Table, read_table
from benchmarks.density_models import SIZES, trained
from mac_control.engine.masks import marginal_queries, uniform_step
from mac_control.engine.model import AnyOrder
from mac_control.engine.orders import permutations
from mac_control.files import write_json

#: Variant -> what is changed; each tests one possible reason why the two are level.
VARIANTS = {
    "as reported": "",
    "4 x steps": "four times the training",
    "no observation": "the density of actions alone",
    "noise 0.002": "a tenth of the noise on actions",
    "rows held out": "test rows of the episodes that are trained on",
}
RULES = {"frequencies": "MAC", "any-order": "baseline"}


@dataclass
class Args:
    """Train MAC and the any-order baseline on variants of the kitchen; finished cells are kept."""

    out: str = "results/density/kitchen.json"
    """File for the scores."""
    data: str = ""
    """Folder with the data sets (default: environment variable MAC_CONTROL_DATA)."""
    variants: str = ",".join(VARIANTS)
    """Variants, with commas."""
    seeds: int = 3
    """Training seeds per model."""
    steps: int | None = None
    """Training steps in place of the table's own, for a quick look."""


def main(args: Args) -> None:
    """Fill in the cells that are missing, then print the gaps as Markdown."""
    torch.set_num_threads(1)
    path = Path(args.out)
    cells: dict[str, Any] = json.loads(path.read_text())["cells"] if path.exists() else {}
    chosen = args.variants.split(",")
    for seed, variant, rule in tqdm(
        [(s, v, r) for s in range(args.seeds) for v in chosen for r in RULES], desc="cells"
    ):
        key = f"{variant}/{rule}/{seed}"
        if key in cells:
            continue
        size = SIZES["kitchen"]
        steps = args.steps or size.steps
        size = replace(size, steps=4 * steps if variant == "4 x steps" else steps)
        table = _table(variant, args.data or None)
        model, info = trained(table, rule, seed, size)
        cells[key] = {
            "test": scores(model, table, table.test),
            "train": scores(model, table, table.train[:1000]),
            "info": info,
        }
        write_json(path, {"cells": cells})
    print(report(cells))


def scores(model: AnyOrder, table: Table, rows: Tensor) -> dict[str, dict[str, float]]:
    """Mean log-likelihood [nats] of marginals by size, in both orders, and of edges by |known|.

    Edges are those that MAC's paths visit, as often as they visit them; both models were trained
    on them.
    """
    generator = torch.Generator().manual_seed(0)
    x, obs = table.parts(rows)
    found: dict[str, dict[str, float]] = {"natural": {}, "random": {}, "edges": {}}
    with torch.inference_mode():
        for size in range(1, table.dim + 1):
            query = permutations(len(x), table.dim, generator) < size
            nothing = torch.zeros_like(query)
            for order in ("natural", "random"):
                orders = torch.Generator().manual_seed(1)
                log_prob = model.log_prob(x, nothing, obs, query, order, orders)
                log_prob = log_prob + (query * table.log_scales).sum(1)
                found[order][str(size)] = float(log_prob.mean())
        given, query = marginal_queries(4 * len(x), table.dim, generator, visits=True)
        known, target = uniform_step(given, query, generator=generator)
        many = x.repeat(4, 1), None if obs is None else obs.repeat(4, 1)
        params = model.conditionals(many[0], known, many[1])
        log_prob = (model.head.log_prob(params, many[0]) + table.log_scales)[target]
        for count in range(table.dim):
            found["edges"][str(count)] = float(log_prob[known.sum(1) == count].mean())
        found["edges"]["all"] = float(log_prob.mean())
    return found


def report(cells: dict[str, Any]) -> str:
    """MAC's lead, ± standard deviation over seeds, for every variant."""
    sizes = [str(size) for size in range(1, 10)]
    known = ["all", *map(str, range(9))]
    natural, asked = (lambda c: c["natural"]), (lambda c: c["random"])
    lines = _table_of("MAC - baseline, test rows, by |query|", sizes, cells, "test", natural, asked)
    lines += _table_of("the same on training rows", sizes, cells, "train", natural, asked)
    lines += _table_of(
        "the same, baseline asked in MAC's order", sizes, cells, "test", natural, natural
    )
    edges = (lambda c: c["edges"],) * 2
    lines += _table_of("per edge of MAC's paths, by |known|", known, cells, "test", *edges)
    return "\n".join(lines)


def _table_of(
    title: str,
    columns: list[str],
    cells: dict[str, Any],
    rows: str,
    mine: Callable[[Any], dict[str, float]],
    theirs: Callable[[Any], dict[str, float]],
) -> list[str]:
    lines = ["", f"| {title} | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    for variant in VARIANTS:
        seeds = [s for s in range(99) if all(f"{variant}/{r}/{s}" in cells for r in RULES)]
        pairs = [[cells[f"{variant}/{r}/{s}"][rows] for r in RULES] for s in seeds]
        if not pairs:
            continue
        gaps = np.array([[mine(a)[c] - theirs(b)[c] for c in columns] for a, b in pairs])
        spread = gaps.std(0, ddof=1) if len(gaps) > 1 else np.zeros(len(columns))
        shown = [f"{g:+.2f} ± {e:.2f}" for g, e in zip(gaps.mean(0), spread, strict=True)]
        lines.append(f"| {variant} | {' | '.join(shown)} |")
    return lines


def _table(variant: str, folder: str | None) -> Table:
    table = read_table(
        "kitchen",
        folder,
        noise=0.002 if variant == "noise 0.002" else 0.02,
        split="rows" if variant == "rows held out" else "episodes",
    )
    if variant == "no observation":
        parts = [getattr(table, name)[:, table.obs_dim :] for name in ("train", "val", "test")]
        table = Table(table.name, 0, *parts, table.log_scales)
    return table
