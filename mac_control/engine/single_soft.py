"""Soft evidence in one row of a masked MLP without torch, its particles side by side."""

from __future__ import annotations

import numpy as np
import torch

from mac_control.engine.mixtures import CEILING, GaussianMixture
from mac_control.engine.mlp import MaskedMLP
from mac_control.engine.several import SeveralRows
from mac_control.engine.soft import spread


class SoftRow(SeveralRows):
    """As :func:`mac_control.engine.soft.fill_soft`, for one row, by `"mean"` or `"mode"`.

    The particles are rows of each matrix product. The obs's contribution is computed once for all,
    and so is the first step, as all particles are equal until the first draw.

    Args:
        network, head: as for :class:`SeveralRows`.
        particles: N.

    Example:
        >>> from mac_control.engine.model import AnyOrder
        >>> from mac_control.engine.soft import fill_soft
        >>> head = GaussianMixture(2)
        >>> network = MaskedMLP(dim=3, obs_dim=0, params=6, width=8)
        >>> x, std = torch.tensor([[0.5, 0.2, 0.0]]), torch.tensor([[0.3, 0.1, 0.0]])
        >>> given, seed = torch.tensor([[True, True, False]]), torch.Generator().manual_seed(0)
        >>> wanted, _ = fill_soft(AnyOrder(network, head), x, given, std, generator=seed)
        >>> parts = (part[0].numpy() for part in (x, given, std))
        >>> found = SoftRow(network, head, particles=8).fill_soft(*parts, np.ones(0))
        >>> torch.allclose(torch.tensor(found), wanted[0], atol=1e-5)
        True
    """

    def __init__(self, network: MaskedMLP, head: GaussianMixture, particles: int) -> None:
        super().__init__(network, head)
        self.particles, self._narrowest = particles, np.float32(np.exp(self._floor))
        draws = spread(self.dim, particles, 1, torch.Generator().manual_seed(0)).numpy()
        self._shares, self._noises = draws.astype(np.float32)  # (D, N)
        self._each = np.arange(particles)

    def fill_soft(
        self,
        x: np.ndarray,
        given: np.ndarray,
        std: np.ndarray,
        obs: np.ndarray,
        rule: str = "mean",
    ) -> np.ndarray:
        """`x` `(D,)` inferred from entries `given` with `std` `(D,)`, and the rest filled in.

        Draws are those of a generator with the seed 0, so that the same input has one result.

        Args:
            std: where given, 0 or a number with a finite square.
            obs: `(O,)`, normalised.
            rule: `"mean"` or `"mode"`.
        """
        start, soft = self.start(obs), given & (std > 0)
        x = np.where(given, x, 0).astype(np.float32)
        dims = np.flatnonzero(soft)
        if len(dims):
            state = self.known(start, x, given & ~soft)
            variance = np.square(std[dims].astype(np.float32)).tolist()
            x[dims] = self._weighed(state, dims.tolist(), x[dims].tolist(), variance, rule)
        return self.fill_from(start, x, given, rule)

    def _weighed(
        self, state: np.ndarray, dims: list[int], u: list[float], noise: list[float], rule: str
    ) -> np.ndarray:
        """The particles' estimate of `dims`, observed as `u` with the variance `noise`."""
        steps, mean = len(dims), rule == "mean"
        single = self.particles == 1 or steps == 1
        drawn = np.empty((steps, 1 if single else self.particles), np.float32)
        params = np.empty((steps, len(self._bias[0]), drawn.shape[1]), np.float32)
        tops, masses = np.empty((2, *drawn.shape), np.float32)
        rows = state[None]  # (1, 2 W): one for all particles until they differ
        for step, dim in enumerate(dims):
            each = params[step] if step else params[step, :, :1]
            self._ask(rows, dim, each)
            logits, prior, scale = self._split(each)
            variance, off = scale * scale, u[step] - prior
            total = variance + noise[step]
            share = variance / total
            loc = u[step] - noise[step] / total * off  # of its posterior
            joint = logits - 0.5 * (off * off / total + np.log(total))
            top = tops[step] = np.maximum.reduce(joint)
            part = np.exp(joint - top)
            below = np.add.accumulate(part)
            mass = masses[step] = below[-1]
            if mean and (single or step == steps - 1):  # no weight depends on the last draw
                value = np.add.reduce(part * loc) / mass
            elif single:
                value = _densest(joint, loc, share * noise[step])
            else:
                k = np.add.reduce(below[:-1] < self._shares[step] * mass)
                at = self._each if step else 0
                width = np.sqrt(share[k, at] * noise[step])
                value = loc[k, at] + width * self._noises[step]
            drawn[step] = value
            if step < steps - 1:
                grown = value[:, None] * self._value[dim]
                grown += self._known[dim]
                rows = np.add(rows, grown, grown)
        if single:
            return drawn[:, 0]
        if mean:  # the first weight is the same for all
            logits = params[1:, : self.components]
            rating = (tops[1:] + np.log(masses[1:]) - _log_sum(logits)).sum(0)
            weight = np.exp(rating - rating.max())
            return drawn @ (weight / weight.sum())
        params[0] = params[0, :, :1]
        off = np.array(u, np.float32)[:, None] - drawn
        rating = (off * off / np.array(noise, np.float32)[:, None]).sum(0) / -2
        for value, each in zip(drawn, params, strict=True):
            logits, prior, scale = self._split(each)
            z = (value - prior) / scale
            rating += _log_sum(logits - 0.5 * z * z - np.log(scale)) - _log_sum(logits)
        return drawn[:, int(rating.argmax())]

    def _split(self, params: np.ndarray) -> list[np.ndarray]:
        """Logits, locations and scales, each `(K, n)`."""
        many = self.components
        scale = np.minimum(params[2 * many :], CEILING)
        np.exp(scale, scale)
        scale += self._narrowest  # as in `GaussianMixture`, without the logarithm
        return [params[:many], params[many : 2 * many], scale]

    def _ask(self, rows: np.ndarray, dim: int, params: np.ndarray) -> None:
        """Write the parameters `(P, n)` of a dimension for the states `rows` `(n, 2 W)`."""
        h, scale = self._hidden(rows)
        np.matmul(self._leave[dim], h.T, params)
        params *= scale
        params += self._bias[dim, :, None]


def _log_sum(log: np.ndarray) -> np.ndarray:
    """`(..., K, n)` -> `(..., n)`, the logarithm of the sum."""
    top = log.max(-2)
    total: np.ndarray = top + np.log(np.exp(log - top[..., None, :]).sum(-2))
    return total


def _densest(log_weight: np.ndarray, loc: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The densest location `(1,)` of a mixture `(K, 1)` of Gaussians, moved one step uphill."""
    off = loc - loc.T  # (places, components), as below
    each = log_weight.T - 0.5 * (off * off / variance.T + np.log(variance.T))
    there = each[int(_log_sum(each.T).argmax())] - np.log(variance[:, 0])
    weight = np.exp(there - there.max())
    found: np.ndarray = weight @ loc / weight.sum()
    return found
