"""Rates density models: bits per dimension of joints, marginals and conditionals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from mac_control.density.model import DensityModel
from mac_control.engine.masks import evidence_queries, marginal_queries
from mac_control.errors import InputError

#: Kind of query -> what is queried in every row.
QUERIES = {
    "joint": "all variables",
    "marginal": "a random set: its size uniform in 1 to D, then uniform among those of that size",
    "conditional": "the rest given random evidence: the size of the rest uniform in 1 to D",
    "evidence": "the rest given each variable with probability 1/2, as in ACE's protocol",
}


def draw_queries(name: str, rows: int, dim: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Masks (given, query) `(rows, D)`, the same for every model.

    Raises:
        InputError: a name that is not one of `QUERIES`.
    """
    generator = torch.Generator().manual_seed(seed)
    if name == "joint":
        query = torch.ones(rows, dim, dtype=torch.bool)
        given = ~query
    elif name == "marginal":
        given, query = marginal_queries(rows, dim, generator)
    elif name == "conditional":
        given, query = evidence_queries(rows, dim, generator)
    elif name == "evidence":
        query = torch.rand(rows, dim, generator=generator) < 0.5
        # A row with everything given has no query; it queries its first variable instead.
        query[:, 0] |= ~query.any(1)
        given = ~query
    else:
        raise InputError(f"queries: expected some of {', '.join(QUERIES)}, got {name!r}")
    return given.numpy(), query.numpy()


def bits(
    model: DensityModel,
    rows: np.ndarray,
    queries: Sequence[str] = tuple(QUERIES),
    order: str | None = None,
) -> dict[str, np.ndarray]:
    """Bits per dimension of each row, `-log2 p(x_query | x_given) / D`, by kind of query.

    As in the published tables, divided by the number of all variables D, whatever a query's size.
    """
    found = {}
    for name in queries:
        given, query = draw_queries(name, len(rows), model.dim)
        shape = (len(rows), *model.config.shape)
        masks = (given.reshape(shape), query.reshape(shape))
        log_prob = model.log_prob(rows, *masks, order=order, seed=1)
        found[name] = -log_prob / (math.log(2) * model.dim)
    return found


def rate(model: DensityModel, rows: np.ndarray, order: str | None = None) -> dict[str, Any]:
    """A model's row of results: bits for every kind of query, mean and standard error."""
    config, record = model.config, model.checkpoint.get("training", {})
    asked = order or config.path_objective.asked_in
    found: dict[str, Any] = {
        "kind": config.kind,
        "dim": model.dim,
        "objective": config.objective,
        "queries": config.queries,
        "trained_in": config.path_objective.asked_in,
        "asked_in": asked,
        "seed": record.get("seed"),
        "steps": record.get("step"),
        "cpu_s": round(float(record.get("cpu_s", 0.0)), 1),
        "weights": sum(p.numel() for p in model.network.parameters()),
        "rows": len(rows),
    }
    for name, values in bits(model, rows, tuple(QUERIES), asked).items():
        error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0
        found[name] = {"mean": round(float(values.mean()), 5), "stderr": round(error, 5)}
    return found
