"""Several rows of a masked MLP side by side without torch: filled in, and how likely they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import log, pi, sqrt

import numpy as np

from mac_control.engine.mixtures import CEILING
from mac_control.engine.single import Folded, SingleRow


class SeveralRows(SingleRow):
    """What `SingleRow` answers, for a batch: each row is asked for its own next open dimension.

    The work per dimension is that of :class:`SingleRow`, with the rows of the batch as rows of each
    matrix product. A row that is done is not computed any further.

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
        """`x` `(B, D)` with what is not `given` `(B, D)` filled in, in natural order.

        Args:
            obs: `(B, O)`, normalised.
            rule: `"mean"` or `"mode"` of one conditional after another.
        """
        filled = np.where(given, x, 0).astype(np.float32)
        start = self._starts(obs)
        start += filled @ self._value + given.astype(np.float32) @ self._known
        mean = rule == "mean"  # which does not look at scales
        choose, used = (self._means, 2 * self.components) if mean else (self._modes, None)

        def fill(rows: np.ndarray, dims: np.ndarray, params: np.ndarray) -> np.ndarray:
            values = filled[rows, dims] = choose(params)
            return values

        self._ask_in_turn(start, ~given, fill, used)
        return filled

    def log_prob_rows(
        self, x: np.ndarray, given: np.ndarray, obs: np.ndarray, seen: np.ndarray
    ) -> np.ndarray:
        """Log-likelihood `(B,)` [nats] of the `given` entries of `x` `(B, D)`, a marginal.

        Args:
            obs: `(B, O)`, normalised.
            seen: `(B, D)`, what the network reads in place of `x`.
        """
        total = np.zeros(len(x), np.float32)

        def rate(rows: np.ndarray, dims: np.ndarray, params: np.ndarray) -> np.ndarray:
            logits = params[:, : self.components]
            terms = self._terms(params, x[rows, dims].astype(np.float32)[:, None])[:, 0]
            total[rows] += _log_sum(terms) - _log_sum(logits) - log(sqrt(2 * pi))
            values: np.ndarray = seen[rows, dims]
            return values

        self._ask_in_turn(self._starts(obs), given, rate)
        return total

    def _ask_in_turn(
        self,
        state: np.ndarray,
        asked: np.ndarray,
        answer: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
        used: int | None = None,
    ) -> None:
        """Ask each row of `state` `(B, 2 W)` for its dimensions `asked` `(B, D)`, one by one.

        `answer(rows, dims, params)` says what becomes known, `(n,)`, of rows that are not done.
        """
        count = asked.sum(1)
        order = np.argsort(-count, kind="stable")  # rows that are done are at the end
        state, count = state[order], count[order]
        dims = np.argsort(~asked[order], axis=1, kind="stable")
        steps = int(count.max(initial=0))
        for step in range(steps):
            left = int((count > step).sum())
            at, state = dims[:left, step], state[:left]
            h, scale = self._hidden(state)
            if (at == at[0]).all():
                params = h @ self._leave[at[0], :used].T
            else:
                params = np.matmul(self._leave[at, :used], h[:, :, None])[:, :, 0]
            params *= scale[:, None]
            params += self._bias[at, :used]
            values = answer(order[:left], at, params)
            if step < steps - 1:
                grown = self._value[at]
                grown *= values[:, None]
                state += grown
                state += self._known[at]

    def _starts(self, obs: np.ndarray) -> np.ndarray:
        """:meth:`start` of each row, `(B, 2 W)`."""
        if self._obs is None:
            start = np.tile(self._start, (len(obs), 1))
        else:
            start = self._start + self._obs.rows(obs)
        return np.concatenate([start, start @ self._sides[0][1]], 1)

    @cached_property
    def _sides(self) -> list[tuple[Folded, np.ndarray, np.ndarray]]:
        """The blocks, with their matrices as rows are multiplied by them."""
        turned = np.ascontiguousarray
        return [(each, turned(each.inner.T), turned(each.outer.T)) for each in self._blocks]

    def _hidden(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The hidden vectors `(n, W)` of states `(n, 2 W)`, and what they are divided by `(n,)`."""
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
        locs = params[:, self.components : 2 * self.components]
        best = _log_sum(self._terms(params, locs)).argmax(1)
        found: np.ndarray = locs[np.arange(len(locs)), best]
        return found

    def _terms(self, params: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Log-density `(n, X, K)` of each component at `x` `(n, X)`, up to what all share."""
        logits, locs, raw = np.split(params, 3, axis=1)
        log_scale = self._floor + np.logaddexp(0, np.minimum(raw, CEILING) - self._floor)
        off = (x[:, :, None] - locs[:, None]) * np.exp(-log_scale)[:, None]
        terms: np.ndarray = (logits - log_scale)[:, None] - 0.5 * off * off
        return terms


def _log_sum(terms: np.ndarray) -> np.ndarray:
    """`(..., K)` -> `(...)`, the logarithm of the sum."""
    top = terms.max(-1, keepdims=True)
    total: np.ndarray = np.log(np.exp(terms - top).sum(-1)) + top[..., 0]
    return total


def _times(h: np.ndarray, matrix: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """`matrix` times each row of `h` `(n, W)`; one row by what is in the cache for the rest."""
    product: np.ndarray = np.dot(matrix, h[0])[None] if len(h) == 1 else h @ turned
    return product


def _scale(h: np.ndarray, eps: float) -> np.ndarray:
    """What the rows of `h` `(n, W)` are normalised by, `(n,)`."""
    square: np.ndarray = np.einsum("nw,nw->n", h, h)
    square /= h.shape[1]
    square += eps
    np.sqrt(square, square)
    return np.divide(1, square, square)
