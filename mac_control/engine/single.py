"""Fills in one row of a masked MLP without torch, with the least work per dimension."""

from __future__ import annotations

from functools import cached_property
from math import exp, log, log1p, sqrt

import numpy as np
import torch
from torch import Tensor

from mac_control.engine.blocks import Blocks
from mac_control.engine.mixtures import CEILING, GaussianMixture
from mac_control.engine.mlp import Block, MaskedMLP


class SingleRow:
    """A `MaskedMLP` with a head of Gaussians, for one obs at a time, in NumPy.

    For one row torch spends more time between its operations than in them. Here nothing is computed
    twice: the obs's contribution is computed once; a value that becomes known adds a column to the
    first layer, and to the first block's product with it, instead of a matrix product; a given
    dimension takes no step. Scale and shift of a normalisation are folded into the matrix after it,
    and hidden vectors keep the mean 0.

    It may be called from several threads at once.

    Args:
        network, head: copied as they are now; later changes of the weights have no effect.

    Example:
        >>> import torch
        >>> from mac_control.engine.model import AnyOrder
        >>> head = GaussianMixture(2)
        >>> network = MaskedMLP(dim=3, obs_dim=2, params=6, width=8)
        >>> x, given = torch.tensor([[0.5, 0.0, 0.0]]), torch.tensor([[True, False, False]])
        >>> filled = SingleRow(network, head).fill(x[0].numpy(), given[0].numpy(), np.ones(2))
        >>> wanted = AnyOrder(network, head).mean(x, given, torch.ones(1, 2))[0]
        >>> torch.allclose(torch.tensor(filled), wanted, atol=1e-5)
        True
    """

    def __init__(self, network: MaskedMLP, head: GaussianMixture) -> None:
        self.dim, self.components, self._floor = network.dim, head.components, head.floor
        self._blocks = [Folded(block) for block in network.blocks]
        enter = _centred(_exact(network.enter.weight))  # (W, 2 D)
        start = _centred(_exact(network.enter.bias))
        self._obs: _ObsBranch | None = None
        if network.obs_dim:
            self._obs = _ObsBranch(network)
            start = start + _centred(_exact(network.obs_leave.bias))
        self._start = _single(start)
        # A known value adds to the hidden vector, and to the first block's product with it.
        first = self._blocks[0].exact_inner
        both = np.concatenate([enter, first @ enter]).T  # (2 D, 2 W)
        self._value, self._known = _single(both[: self.dim]), _single(both[self.dim :])
        leave = _exact(network.leave.weight).reshape(self.dim, head.size, -1)
        bias = _exact(network.leave.bias).reshape(self.dim, head.size)
        self._bias = _single(bias + leave @ _exact(network.norm.bias))
        self._leave = _single(leave * _exact(network.norm.weight))
        self._eps = network.norm.eps

    def fill(
        self,
        x: np.ndarray,
        given: np.ndarray,
        obs: np.ndarray,
        rule: str = "mean",
        blocks: Blocks | None = None,
    ) -> np.ndarray:
        """`x` `(D,)` with entries not `given` `(D,)` filled in, in natural order.

        Args:
            obs: `(O,)`, normalised.
            rule: `"mean"` or `"mode"` of one conditional after another.
            blocks: dimensions to fill in at once, instead of one after another.
        """
        return self.fill_from(self.start(obs), x, given, rule, blocks)

    def start(self, obs: np.ndarray) -> np.ndarray:
        """The state `(2 W,)` with nothing known: hidden vector, and the first block's product."""
        start = self._start if self._obs is None else self._start + self._obs(obs)
        width = len(start)
        state = np.empty(2 * width, np.float32)
        state[:width] = start
        np.dot(self._blocks[0].inner, start, out=state[width:])
        return state

    def known(self, start: np.ndarray, x: np.ndarray, given: np.ndarray) -> np.ndarray:
        """A new state, from :meth:`start` on, with `x` `(D,)` known where `given`."""
        at = np.flatnonzero(given)
        if not len(at):
            return start.copy()
        state: np.ndarray = start + (x[at] @ self._value[at] + self._known[at].sum(0))
        return state

    def fill_from(
        self,
        start: np.ndarray,
        x: np.ndarray,
        given: np.ndarray,
        rule: str,
        blocks: Blocks | None = None,
    ) -> np.ndarray:
        """:meth:`fill` from the state of an observation."""
        mean = rule == "mean"  # it needs no scales
        choose, used = (self._mean, 2 * self.components) if mean else (self._mode, None)
        filled = np.where(given, x, 0).astype(np.float32)
        state = self.known(start, filled, given)
        width = len(state) // 2
        spare, h, v, t = (np.empty(size, np.float32) for size in (2 * width, *[width] * 3))
        h0, made = state[:width], state[width:]
        first, others = self._blocks[0], self._blocks[1:]
        if blocks is None:
            steps = [[dim] for dim in np.flatnonzero(~given).tolist()]
        else:
            parts = ([dim for dim in block if not given[dim]] for block in blocks)
            steps = [part for part in parts if part]
        for number, dims in enumerate(steps, 1):
            scale = 1 / sqrt(float(h0.dot(h0)) / width + first.eps)
            first.after(h0, np.multiply(made, scale, v), t, h)
            for block in others:
                scale = 1 / sqrt(float(h.dot(h)) / width + block.eps)
                np.dot(block.inner, h, out=v)
                np.multiply(v, scale, v)
                block.after(h, v, t, h)
            scale = 1 / sqrt(float(h.dot(h)) / width + self._eps)
            if len(dims) > 1:
                at = np.array(dims)
                several = (self._leave[at, :used] @ h) * scale + self._bias[at, :used]
                filled[at] = self._means(several) if mean else [*map(choose, several)]
                if number < len(steps):
                    state += filled[at] @ self._value[at] + self._known[at].sum(0)
                continue
            dim = dims[0]
            params = self._leave[dim, :used].dot(h)
            params *= scale
            params += self._bias[dim, :used]
            value = filled[dim] = choose(params)
            if number < len(steps):
                np.multiply(self._value[dim], value, spare)
                np.add(spare, self._known[dim], spare)
                np.add(state, spare, state)
        return filled

    def _mean(self, params: np.ndarray) -> float:
        # For so few numbers, Python is faster than NumPy.
        many = self.components
        numbers = params.tolist()
        top = max(numbers[:many])
        weights = [exp(logit - top) for logit in numbers[:many]]
        total = sum(w * loc for w, loc in zip(weights, numbers[many:], strict=False))
        return total / sum(weights)

    def _means(self, params: np.ndarray) -> np.ndarray:
        """The means of several dimensions, `(N, 2 K)` -> `(N,)`."""
        logits, locs = params[:, : self.components], params[:, self.components :]
        weights = np.exp(logits - logits.max(1, keepdims=True))
        return np.asarray((weights * locs).sum(1) / weights.sum(1))

    def _mode(self, params: np.ndarray) -> float:
        many = self.components
        numbers = params.tolist()
        locs = numbers[many : 2 * many]
        parts = []
        for logit, loc, raw in zip(numbers, locs, numbers[2 * many :], strict=False):
            above = min(raw, CEILING) - self._floor
            log_scale = self._floor + (above if above > 20 else log1p(exp(above)))
            parts.append((logit - log_scale, loc, exp(-log_scale)))
        densities = []
        for x in locs:
            terms = [weight - 0.5 * ((x - loc) * inverse) ** 2 for weight, loc, inverse in parts]
            top = max(terms)
            densities.append(top + log(sum(exp(each - top) for each in terms)))
        return locs[densities.index(max(densities))]


class Folded:
    """A residual block, its normalisation's scale and shift folded into the next layer and halved:

    `silu(u) = v + v tanh(v)` for `v = u / 2`.
    """

    def __init__(self, block: Block, centred: bool = True) -> None:
        weight = _exact(block.inner.weight)
        self.exact_inner = weight * _exact(block.norm.weight) / 2
        shift = (_exact(block.inner.bias) + weight @ _exact(block.norm.bias)) / 2
        outer, back = _exact(block.outer.weight), _exact(block.outer.bias)
        if centred:
            outer, back = _centred(outer), _centred(back)
        self.inner, self.shift = _single(self.exact_inner), _single(shift)
        self.outer, self.back = _single(outer), _single(back)
        self.eps = block.norm.eps

    def after(self, h: np.ndarray, v: np.ndarray, t: np.ndarray, out: np.ndarray) -> None:
        """Write the block's output for `h` to `out`; `v` is half the input of its activation."""
        np.add(v, self.shift, v)
        np.tanh(v, t)
        np.add(t, 1.0, t)
        np.multiply(t, v, t)
        np.dot(self.outer, t, out=v)
        np.add(v, self.back, v)
        np.add(h, v, out)


class _ObsBranch:
    """The obs's contribution to the hidden vector, `(O,)` -> `(W,)`."""

    def __init__(self, network: MaskedMLP) -> None:
        self._blocks = [Folded(block, centred=False) for block in network.obs_blocks]
        self._enter = _single(_exact(network.obs_enter.weight))
        self._bias = _single(_exact(network.obs_enter.bias))
        self._leave = _single(_centred(_exact(network.obs_leave.weight)))

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        h = self._enter @ obs.astype(np.float32) + self._bias
        v, t = np.empty_like(h), np.empty_like(h)
        for block in self._blocks:
            z = h - h.mean()
            np.dot(block.inner, z, out=v)
            v *= 1 / sqrt(float(z.dot(z)) / len(z) + block.eps)
            block.after(h, v, t, h)
        half = h / 2
        return self._leave @ (half + half * np.tanh(half))  # SiLU

    @cached_property
    def _sides(self) -> tuple[Tensor, list[tuple[Tensor, Tensor]], Tensor]:
        """The matrices transposed for :func:`times`: the first, the blocks', the last."""
        blocks = [(turned(each.inner), turned(each.outer)) for each in self._blocks]
        return turned(self._enter), blocks, turned(self._leave)

    def rows(self, obs: np.ndarray) -> np.ndarray:
        """The same for several rows, `(B, O)` -> `(B, W)`."""
        enter, sides, leave = self._sides
        h = times(obs.astype(np.float32), enter) + self._bias
        for block, (inner, outer) in zip(self._blocks, sides, strict=True):
            z = h - h.mean(1, keepdims=True)
            v = times(z, inner)
            v *= 1 / np.sqrt(np.square(z).mean(1, keepdims=True) + block.eps)
            v += block.shift
            h += times(v + v * np.tanh(v), outer) + block.back
        half = h / 2
        return times(half + half * np.tanh(half), leave)


def turned(matrix: np.ndarray) -> Tensor:
    """A matrix transposed for :func:`times`."""
    return torch.from_numpy(np.ascontiguousarray(matrix.T))


def times(rows: np.ndarray, sides: Tensor) -> np.ndarray:
    """`rows` `(n, W)` times `sides` `(W, V)`, with as many threads as torch may use.

    NumPy's own product uses every core, whatever the process's limit, and waits for them.
    """
    product: np.ndarray = torch.mm(torch.from_numpy(rows), sides).numpy()
    return product


def _exact(parameter: Tensor) -> np.ndarray:
    return parameter.detach().cpu().double().numpy()


def _single(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float32)


def _centred(array: np.ndarray) -> np.ndarray:
    """The array with columns shifted to mean 0."""
    return array - array.mean(0)
