"""The binary lattice: known sets are nodes, univariate conditionals are edges."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np

from mac_control.errors import InputError

#: Rules that choose edges.
RULES = ("any", "marginal", "evidence")


def edges(dim: int, rule: str = "any") -> list[tuple[int, int]]:
    """The edges `(S, i)` that a rule uses: known set S as a bit mask, target dimension i.

    `any`: every i not in S; `marginal`: edges on paths of marginals in natural order;
    `evidence`: edges on paths of p(rest | given) in natural order.

    Example:
        >>> [len(edges(9, rule)) for rule in ("any", "marginal", "evidence")]
        [2304, 511, 511]
    """
    table = frequencies(dim, rule)
    return [(int(s), int(i)) for s, i in np.argwhere(table > 0)]


def frequencies(
    dim: int, rule: str = "any", visits: bool = False, nothing: float = 0.0
) -> np.ndarray:
    """How often each edge is drawn, `(2^D, D)`: entry (S, i); the entries sum to 1.

    `any`: `1 / (D C(D, k) (D - k))`, with k = |S|. `marginal`, where i > max S:
    `Σ_t w_t / t · C(D - 1 - i, t - k - 1) / C(D, t)`. `evidence`, where i is the first outside S
    and h elements of S are above it: `Σ_r w_r / r · C(i, D - r - h) / C(D, r)`. The sizes' weights
    w are uniform, or proportional to the size with `visits`. `paper`: `marginal` times k + 1,
    normalised.

    Raises:
        InputError: an unknown rule, or a dimension too large to enumerate.
    """
    if rule not in (*RULES, "paper"):
        raise InputError(f"rule: expected one of {', '.join((*RULES, 'paper'))}, got {rule!r}")
    if not 1 <= dim <= 16:
        raise InputError(f"dim: expected 1 to 16 to enumerate, got {dim}")
    sizes = np.arange(1, dim + 1)
    weight = sizes / sizes.sum() if visits else np.full(dim, 1 / dim)
    table = np.zeros((2**dim, dim))
    for known in range(2**dim):
        members = [i for i in range(dim) if known >> i & 1]
        k = len(members)
        for i in set(range(dim)) - set(members):
            if rule == "any":
                table[known, i] = 1 / (dim * comb(dim, k) * (dim - k))
            elif rule == "evidence":
                if i == min(set(range(dim)) - set(members)):
                    above = sum(j > i for j in members)
                    table[known, i] = (1 - nothing) * sum(
                        w / r * _comb(i, dim - r - above) / comb(dim, r)
                        for r, w in zip(sizes.tolist(), weight, strict=True)
                    ) + (nothing / dim if not above else 0)
            elif not members or i > members[-1]:
                table[known, i] = sum(
                    w / t * _comb(dim - 1 - i, t - k - 1) / comb(dim, t)
                    for t, w in zip(sizes.tolist(), weight, strict=True)
                )
    if rule == "paper":
        table *= np.array([[bin(s).count("1") + 1] for s in range(2**dim)])
        table /= table.sum()
    return table


def draw_lattice(dim: int, rules: Sequence[str] = ("any", "marginal")) -> Any:
    """A matplotlib figure: one lattice per rule, the width of an edge showing its frequency.

    Raises:
        InputError: more dimensions than a figure can show.
    """
    from matplotlib.figure import Figure

    if not 1 <= dim <= 6:
        raise InputError(f"dim: expected 1 to 6 for a figure, got {dim}")
    nodes = {s: _place(s, dim) for s in range(2**dim)}
    figure = Figure(figsize=(4.5 * len(rules), 4.5), layout="constrained")
    for axes, rule in zip(np.atleast_1d(figure.subplots(1, len(rules))), rules, strict=True):
        table = frequencies(dim, rule, visits=rule != "any")
        used = edges(dim, rule)
        for s, i in edges(dim):
            (x0, y0), (x1, y1) = nodes[s], nodes[s | 1 << i]
            share = table[s, i] / table.max()
            look = {"color": "C0", "lw": 0.5 + 2.5 * share} if share else {"color": "0.9", "lw": 1}
            axes.plot([x0, x1], [y0, y1], zorder=2 if share else 1, **look)
        for s, (x, y) in nodes.items():
            label = "".join(str(i) for i in range(dim) if s >> i & 1) or "∅"
            box = {"boxstyle": "round", "fc": "white", "ec": "0.6"}
            axes.text(x, y, label, ha="center", va="center", fontsize=7, bbox=box, zorder=3)
        axes.set_title(f"{rule}: {len(used)} of {len(edges(dim))} edges")
        axes.axis("off")
    return figure


def _place(known: int, dim: int) -> tuple[float, float]:
    """Position of a node: one row per size of set, the sets of a size side by side."""
    level = bin(known).count("1")
    row = [s for s in range(2**dim) if bin(s).count("1") == level]
    return row.index(known) - (len(row) - 1) / 2, float(level)


def _comb(n: int, k: int) -> int:
    return comb(n, k) if 0 <= k <= n else 0
