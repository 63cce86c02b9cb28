"""Fills in several rows of a masked MLP side by side without torch."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from mac_control.engine.mixtures import CEILING
from mac_control.engine.single import Folded, SingleRow, times, turned


class SeveralRows(SingleRow):
    """As `SingleRow`, for a batch: each step fills in the next free dimension of each row.

    The work per dimension is that of :class:`SingleRow`, with the rows of the batch as rows of each
    matrix product. Finished rows take no further work.

    Args:
        network, head: as for :class:`SingleRow`.

    Example:
        >>> import torch
        >>> from mac_control.engine.mixtures import GaussianMixture
        >>> from mac_control.engine.mlp import MaskedMLP
        >>> from mac_control.engine.model import AnyOrder
        >>> head = GaussianMixture(2)
        >>> network = MaskedMLP(dim=3, obs_dim=2, params=6, width=8)
        >>> x, obs = torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.0, 0.1]]), torch.ones(2, 2)
        >>> wanted = AnyOrder(network, head).mean(x, x != 0, obs)
        >>> rows = SeveralRows(network, head).fill_rows(x.numpy(), (x != 0).numpy(), obs.numpy())
        >>> torch.allclose(torch.tensor(rows), wanted, atol=1e-5)
        True
    """

    def fill_rows(
        self, x: np.ndarray, given: np.ndarray, obs: np.ndarray, rule: str = "mean"
    ) -> np.ndarray:
        """`x` `(B, D)` with entries not `given` `(B, D)` filled in, in natural order.

        Args:
            obs: `(B, O)`, normalised.
            rule: `"mean"` or `"mode"` of one conditional after another.
        """
        mean = rule == "mean"  # it needs no scales, only the first 2 K parameters
        choose, needed = (self._means, 2 * self.components) if mean else (self._modes, None)
        count = (~given).sum(1)
        order = np.argsort(-count, kind="stable")  # rows that finish first are at the end
        given, count = given[order], count[order]
        filled = np.where(given, x[order], 0).astype(np.float32)
        state = self._starts(obs[order])
        value_side, known_side, leave_side = self._ends
        state += times(filled, value_side)
        state += times(given.astype(np.float32), known_side)
        dims = np.argsort(given, axis=1, kind="stable")  # free dimensions of each row first
        steps = int(count.max(initial=0))
        for step in range(steps):
            left = int((count > step).sum())
            at, state = dims[:left, step], state[:left]
            h, scale = self._hidden(state)
            if (at == at[0]).all():
                params = times(h, leave_side[at[0], :needed].T)
            else:
                params = np.matmul(self._leave[at, :needed], h[:, :, None])[:, :, 0]
            params *= scale[:, None]
            params += self._bias[at, :needed]
            values = filled[np.arange(left), at] = choose(params)
            if step < steps - 1:
                grown = self._value[at]
                grown *= values[:, None]
                state += grown
                state += self._known[at]
        result = np.empty_like(filled)
        result[order] = filled
        return result

    def _starts(self, obs: np.ndarray) -> np.ndarray:
        """:meth:`start` of each row, `(B, 2 W)`."""
        if self._obs is None:
            start = np.tile(self._start, (len(obs), 1))
        else:
            start = self._start + self._obs.rows(obs)
        return np.concatenate([start, times(start, self._sides[0][1])], 1)

    @cached_property
    def _sides(self) -> list[tuple[Folded, Tensor, Tensor]]:
        """The blocks, with their matrices transposed for :func:`times`."""
        return [(each, turned(each.inner), turned(each.outer)) for each in self._blocks]

    @cached_property
    def _ends(self) -> tuple[Tensor, Tensor, Tensor]:
        """The matrices of the first and the last layer."""
        value, known, leave = map(torch.from_numpy, (self._value, self._known, self._leave))
        return value, known, leave

    def _hidden(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The hidden vectors `(n, W)` of states `(n, 2 W)`, and their scales `(n,)`."""
        width = rows.shape[1] // 2
        h, made = rows[:, :width], rows[:, width:]
        for block, inner, outer in self._sides:
            v = _times(h, block.inner, inner) if made is None else made
            made = None
            v = v * _scale(h, block.eps)[:, None]
            v += block.shift
            t = np.tanh(v)
            t += 1
            t *= v
            t = _times(t, block.outer, outer)
            t += block.back
            t += h
            h = t
        return h, _scale(h, self._eps)

    def _modes(self, params: np.ndarray) -> np.ndarray:
        """The densest location `(n,)` of each mixture `(n, 3 K)`."""
        logits, locs, raw = np.split(params, 3, axis=1)
        log_scale = self._floor + np.logaddexp(0, np.minimum(raw, CEILING) - self._floor)
        off = (locs[:, :, None] - locs[:, None]) * np.exp(-log_scale)[:, None]  # (n, place, K)
        terms = (logits - log_scale)[:, None] - 0.5 * off * off
        best = np.logaddexp.reduce(terms, axis=2).argmax(1)
        found: np.ndarray = locs[np.arange(len(locs)), best]
        return found


def _times(h: np.ndarray, matrix: np.ndarray, sides: Tensor) -> np.ndarray:
    """`matrix` times each row of `h` `(n, W)`; a single row by `matrix`, which is in the cache."""
    return np.dot(matrix, h[0])[None] if len(h) == 1 else times(h, sides)


def _scale(h: np.ndarray, eps: float) -> np.ndarray:
    """The factors `(n,)` that normalise the rows of `h` `(n, W)`."""
    square: np.ndarray = np.einsum("nw,nw->n", h, h)
    square /= h.shape[1]
    square += eps
    np.sqrt(square, square)
    return np.divide(1, square, square)
