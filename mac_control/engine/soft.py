"""Soft evidence: values observed with Gaussian noise instead of exactly.

    p(x | u, obs) ∝ p(x | obs) Π_i N(u_i; x_i, s_i²)

A standard deviation s_i of 0 is ordinary evidence, infinity is no evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mac_control.engine.heads import Head, gumbel_argmax
from mac_control.engine.mixtures import GaussianMixture, LogisticMixture
from mac_control.engine.model import AnyOrder, Order
from mac_control.engine.orders import path_ranks, positions
from mac_control.errors import InputError

_LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Posterior:
    """`p(x | u)` of one dimension, where `u` is x with noise: K Gaussians, or K points.

    Args:
        log_joint: `(..., K)`, logarithm of each one's contribution to p(u) [nats].
        loc: `(..., K)`
        variance: `(..., K)`; None for points.
    """

    log_joint: Tensor
    loc: Tensor
    variance: Tensor | None

    def log_evidence(self) -> Tensor:
        """`log p(u)` `(...)` [nats], x integrated out."""
        return self.log_joint.logsumexp(-1)

    def mean(self) -> Tensor:
        """The expected value `(...)`."""
        return (self.log_joint.softmax(-1) * self.loc).sum(-1)

    def mode(self) -> Tensor:
        """The densest of the locations `(...)`; for a density, moved one step uphill.

        The step leads from nearby locations that are equally dense up to rounding to the same
        result.
        """
        if self.variance is None:
            best = self.log_joint.argmax(-1, keepdim=True)
            return self.loc.gather(-1, best).squeeze(-1)
        off = self.loc.unsqueeze(-1) - self.loc.unsqueeze(-2)
        variance = self.variance.unsqueeze(-2)
        each = self.log_joint.unsqueeze(-2) - 0.5 * (off * off / variance + variance.log())
        best = each.logsumexp(-1).argmax(-1, keepdim=True)
        there = each.gather(-2, best.unsqueeze(-1).expand_as(each[..., :1, :])).squeeze(-2)
        weight = (there - self.variance.log()).softmax(-1)
        return (weight * self.loc).sum(-1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One draw `(...)`."""
        shape = self.loc.shape[:-1]
        noise = torch.randn(shape, generator=generator, dtype=self.loc.dtype)
        return self._chosen(gumbel_argmax(self.log_joint, generator), noise.to(self.loc))

    def at(self, share: Tensor, noise: Tensor) -> Tensor:
        """The draws `(B,)` determined by uniform `share` and normal `noise`, `(B,)`."""
        below = self.log_joint.softmax(-1).cumsum(-1)[..., :-1] < share.unsqueeze(-1)
        return self._chosen(below.sum(-1, keepdim=True), noise)

    def _chosen(self, k: Tensor, noise: Tensor) -> Tensor:
        loc = self.loc.gather(-1, k).squeeze(-1)
        if self.variance is None:
            return loc
        return loc + self.variance.gather(-1, k).squeeze(-1).sqrt() * noise


def posterior(head: Head, params: Tensor, u: Tensor, std: Tensor) -> Posterior:
    """Posterior of x with these `params`, given `u` `(...)`: x with noise of `std` `(...)` above 0.

    In closed form: a Gaussian times a Gaussian is a Gaussian,

        w_k' ∝ w_k N(u; m_k, s_k² + s²),   1/s_k'² = 1/s_k² + 1/s²,   m_k' = s_k'² (m_k/s_k² + u/s²)

    and a level of a discrete head keeps its place and is weighted by N(u; x, s²).

    Raises:
        InputError: a head that is neither kind of mixture.

    Example:
        >>> head = GaussianMixture(components=1, min_scale=1e-6)
        >>> params = torch.tensor([0.0, 0.0, 0.0])  # N(0, 1)
        >>> found = posterior(head, params, torch.tensor(1.0), torch.tensor(1.0))
        >>> round(float(found.mean()), 3), round(float(found.variance), 3)
        (0.5, 0.5)
    """
    u, noise = u.unsqueeze(-1), (std * std).unsqueeze(-1)
    if isinstance(head, GaussianMixture):
        log_weight, loc, log_scale = head._split(params)
        variance = (2 * log_scale).exp()
        total, off = variance + noise, u - loc
        share = variance / total
        log_joint = log_weight - 0.5 * (off * off / total + total.log() + _LOG_2PI)
        # As an offset from u: starting from a wide component far away would round u off.
        return Posterior(log_joint, u - noise / total * off, share * noise)
    if isinstance(head, LogisticMixture):
        loc = head._values(params)
        # No level is impossible: a value far from all levels belongs to the nearest.
        mass = head._masses(params).clamp_min(torch.finfo(loc.dtype).tiny).log()
        log_joint = mass - 0.5 * ((u - loc) ** 2 / noise + noise.log() + _LOG_2PI)
        return Posterior(log_joint, loc.expand_as(log_joint), None)
    raise InputError(
        f"head: expected a mixture of Gaussians or logistics, got {type(head).__name__}"
    )


def spread(steps: int, particles: int, rows: int, generator: torch.Generator) -> Tensor:
    """Uniform and normal numbers `(2, steps, rows · particles)`, evenly spread over each row.

    Stratified in each step and paired at random between steps, as in a Latin hypercube: estimates
    converge at the rate of independent draws, with smaller errors.
    """
    place = torch.rand(2, steps, particles, generator=generator).argsort(-1)
    share, other = (place + 0.5) / particles
    return torch.stack([share, torch.special.ndtri(other)]).repeat(1, 1, rows)


def fill_soft(
    model: AnyOrder,
    x: Tensor,
    given: Tensor,
    std: Tensor,
    obs: Tensor | None = None,
    rule: str = "mean",
    particles: int = 8,
    order: Order = "natural",
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """`x` `(B, D)` inferred from soft evidence, and `log p(u | exact, obs)` `(B,)` [nats].

    Entries of `given` with `std` 0 stay bit for bit. Those with a finite `std` come first, one
    after another: each is drawn from its posterior given those before and its own `u`, and the
    particle is weighted by how well it predicted `u`. This is sequential importance sampling, exact
    in the limit of many particles, and always exact with one soft dimension. Then the rest is
    filled in by `rule` as usual, from

    - `"mean"`: the particles' weighted mean,
    - `"mode"`: the particle with the highest joint density with the observed values,
    - `"sample"`: one of the particles, by weight.

    Args:
        model: a model with a mixture head.
        x: observed values where `given`.
        given, std: `(B, D)`; a `std` whose square is infinite counts as not given.
        rule: `"mean"`, `"mode"` or `"sample"`.
        particles: N. 1 takes the mean (or mode) of each dimension given those before it, and
            ignores what comes after.
        order, temperature: for the rest, as in :meth:`AnyOrder.fill`.
        generator: source of all draws.

    Raises:
        InputError: fewer than one particle, or as :meth:`AnyOrder.fill`.
    """
    if particles < 1:
        raise InputError(f"particles: expected at least 1, got {particles}")
    exact, soft = given & (std == 0), given & (std > 0) & torch.isfinite(std * std)
    evidence = x.new_zeros(len(x))
    if soft.any():
        x, evidence = _weighed(model, x, exact, soft, std, obs, rule, particles, generator)
        if isinstance(model.head, LogisticMixture):  # a weighted mean may round beyond its box
            x = x.clamp(model.head.low, model.head.high)
    filled, _ = model.fill(x, exact | soft, obs, rule, order, temperature, generator)
    return filled, evidence


def _weighed(
    model: AnyOrder,
    x: Tensor,
    exact: Tensor,
    soft: Tensor,
    std: Tensor,
    obs: Tensor | None,
    rule: str,
    particles: int,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor]:
    """The particles' estimate of the observed dimensions, and the evidence."""
    if rule in ("mean", "mode") and int(soft.sum(-1).max()) == 1:
        particles = 1  # exact
    rows, single = len(x), particles == 1
    model.head.check("x", x, exact | soft)
    many: list[Any] = [
        None if part is None else part.repeat_interleave(particles, 0)
        for part in (x, exact, soft, std, obs)
    ]
    u, exact, mask, std, obs = many
    alike = rows == 1 or bool((soft == soft[0]).all())  # then every row has the same target
    rank = path_ranks(exact, mask, positions("natural", model.dim, len(u), device=x.device))
    count = mask.sum(-1)
    steps = int(count.max())
    state, drawn = model.network.start(u, exact, obs), u
    log_weight, density, ends = u.new_zeros(3, len(u))
    nows = rank == torch.arange(1, steps + 1, device=x.device).view(-1, 1, 1)  # (steps, B·N, D)
    targets = nows.to(torch.int8).argmax(-1)  # (steps, B·N)
    mine, noise = (part.gather(1, targets.T).T for part in (u, std))
    active = nows.any(-1)
    noise = torch.where(active, noise, 1)
    asked: list[Any] = targets[:, 0].tolist() if alike else list(targets)
    # For as many steps as possible, so that a row's draws do not depend on its batch.
    draws = spread(model.dim, particles, rows, generator or torch.Generator()).to(x)
    for step, target in enumerate(asked):
        params = model.network.step(state, target)
        found = posterior(model.head, params, mine[step], noise[step])
        if rule == "sample":
            value = found.sample(generator)
        elif single:
            value = getattr(found, rule)()
        else:
            value = found.at(*draws[:, step])
            if rule == "mode":  # exact for one soft dimension, whatever rows are beside it
                value = torch.where(count == 1, found.mode(), value)
        drawn = torch.where(nows[step], value.unsqueeze(-1).to(x.dtype), drawn)
        evidence = found.log_evidence()
        log_weight = log_weight + (evidence if alike else active[step] * evidence)
        last = step + 1 == steps
        if rule == "mean" and (last or not alike):
            ends = torch.where(count == step + 1, found.mean(), ends)
        elif rule == "mode":
            z = (mine[step] - value) / noise[step]
            joint = model.head.log_prob(params, value) - 0.5 * z * z
            density = density + active[step] * joint
        if not last:
            state = model.network.append(state, nows[step], value)
    many_of = (rows, particles, -1)
    log_weight = log_weight.view(rows, particles)
    evidence = log_weight.logsumexp(-1) - math.log(particles)
    if single:
        return drawn, evidence
    if rule == "mean":
        # No weight depends on the last draw of a row, so its mean can replace it.
        smooth = torch.where(mask & (rank == count.unsqueeze(-1)), ends.unsqueeze(-1), drawn)
        share = log_weight.softmax(-1).unsqueeze(-1)
        return torch.where(soft, (share * smooth.view(many_of)).sum(1), x), evidence
    if rule == "mode":
        best = density.view(rows, particles).argmax(-1, keepdim=True)
    else:
        best = gumbel_argmax(log_weight, generator)
    drawn = drawn.view(many_of)
    return drawn.gather(1, best.unsqueeze(-1).expand(-1, 1, model.dim)).squeeze(1), evidence
