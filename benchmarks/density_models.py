"""What the density benchmark compares: the rules of training, and outside software."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.density_data import Table
from mac_control.engine.base import GaussianBase
from mac_control.engine.masks import evidence_queries, marginal_queries
from mac_control.engine.mixtures import GaussianMixture
from mac_control.engine.model import AnyOrder
from mac_control.engine.orders import path_ranks, permutations
from mac_control.engine.transformer import Transformer

#: Rules of training -> what they are. The first three are the paper's ablation: a row trains as
#: many conditionals under each, (D + 1) / 2 on average.
RULES = {
    "any-order": "conditionals of uniform random orders",
    "no redundancy": "paths of marginals in natural order, every query with the same weight",
    "frequencies": "the same paths, every conditional as often as it is visited",
    "evidence": "paths of p(rest | given) in natural order, as often as visited",
    "any-order twice": "every conditional of a uniform random order: D in a row",
}


@dataclass(frozen=True)
class Size:
    """Network and budget of one table, the same for every rule."""

    width: int
    layers: int
    components: int
    steps: int
    batch: int
    lr: float
    shrink: float
    flow_steps: int
    gmm: tuple[int, ...]  # numbers of components tried
    weight_decay: float = 0.01


SIZES = {
    "kitchen": Size(64, 2, 8, 600, 128, 2e-3, 0.02, 600, (5, 10, 20, 40)),
    "miniboone": Size(32, 1, 8, 500, 128, 5e-3, 0.05, 500, (1, 2, 3, 5, 8), 0.1),
    "bsds": Size(64, 2, 8, 300, 64, 5e-3, 0.0, 400, (10, 30)),
}

Score = dict[str, float]


def train_rule(table: Table, rule: str, seed: int, size: Size) -> tuple[Score, dict[str, Any]]:
    """Train the any-order model by a rule; returns test scores [nats], and how it was trained."""
    model, info = trained(table, rule, seed, size)
    order = "random" if rule.startswith("any-order") else "natural"
    scores = score(model, table, table.test, order)
    if order == "random":
        info["in natural order"] = score(model, table, table.test, "natural")
    return scores, info


def trained(table: Table, rule: str, seed: int, size: Size) -> tuple[AnyOrder, dict[str, Any]]:
    """The any-order model trained by a rule, and how it was trained."""
    torch.manual_seed(seed)  # the network's initial weights; all else is drawn from `generator`
    head = GaussianMixture(size.components)
    network = Transformer(
        table.dim,
        table.obs_dim,
        head.size,
        size.width,
        size.layers,
        bias=_near_one_gaussian(head),
        base=(GaussianBase(table.train, table.obs_dim, size.shrink), head),
    )
    generator = torch.Generator().manual_seed(seed)

    def loss(network: nn.Module, rows: Tensor) -> Tensor:
        rank, weight = _path(rule, len(rows), table.dim, generator)
        x, obs = table.parts(rows)
        log_prob = head.log_prob(network(x, rank, obs), x)
        return -(weight * log_prob).sum() / weight.sum()

    ema, info = _fit(network, loss, table, size.steps, size, generator)
    return AnyOrder(ema, head), info


def score(model: AnyOrder, table: Table, rows: Tensor, order: str) -> Score:
    """Mean test log-likelihood [nats] of each kind of query, in the units of the data."""
    scores = {}
    x, obs = table.parts(rows)
    with torch.inference_mode():
        for name, (given, query) in table.queries(rows).items():
            generator = torch.Generator().manual_seed(1)
            parts = [
                model.log_prob(
                    x[s], given[s], None if obs is None else obs[s], query[s], order, generator
                )
                for s in torch.arange(len(x)).split(500)
            ]
            scores[name] = float((torch.cat(parts) + (query * table.log_scales).sum(1)).mean())
    return scores


def train_flow(table: Table, seed: int, size: Size) -> tuple[Score, dict[str, Any]]:
    """A neural spline flow of zuko: joint likelihood only."""
    import zuko

    torch.manual_seed(seed)
    flow = zuko.flows.NSF(
        table.dim, table.obs_dim, transforms=3, bins=8, hidden_features=(128, 128)
    )
    generator = torch.Generator().manual_seed(seed)

    def loss(flow: nn.Module, rows: Tensor) -> Tensor:
        x, obs = table.parts(rows)
        return -flow(obs).log_prob(x).mean()

    ema, info = _fit(flow, loss, table, size.flow_steps, size, generator)
    with torch.no_grad():
        joint = -loss(ema, table.test) + table.log_scales.sum()
    return {"joint": float(joint)}, info


def fit_gmm(table: Table, seed: int, size: Size) -> tuple[Score, dict[str, Any]]:
    """A Gaussian mixture of scikit-learn on `[obs, x]`, conditioned in closed form.

    The number of components is the best on the validation rows.
    """
    from sklearn.mixture import GaussianMixture as Mixture

    began = time.process_time()
    rng = np.random.default_rng(seed)
    data = table.train.double().numpy()
    data = data[rng.permutation(len(data))[:20_000]]
    much = len(data) > 10_000
    options = {"init_params": "k-means++", "max_iter": 40 if much else 200, "random_state": seed}
    fits = [
        Mixture(k, reg_covar=r, **options).fit(data)
        for k in size.gmm
        for r in ((1e-3,) if much else (1e-3, 1e-2, 1e-1))
    ]
    offset = table.obs_dim
    val = [float(_gmm_scores(f, table, table.val, ("joint",), offset)["joint"]) for f in fits]
    best = fits[int(np.argmax(val))]
    scores = _gmm_scores(best, table, table.test, ("joint", "marginal", "conditional"), offset)
    info = {"components": best.n_components, "reg_covar": best.reg_covar}
    return scores, info | {"cpu_s": time.process_time() - began}


def _gmm_scores(
    mixture: Any, table: Table, rows: Tensor, names: tuple[str, ...], offset: int
) -> Score:
    queries, scores = table.queries(rows), {}
    for name in names:
        given, query = (
            torch.cat([torch.zeros(len(rows), offset), m], 1) > 0 for m in queries[name]
        )
        given[:, :offset] = True
        log_prob = gmm_log_prob(mixture, rows.double(), given | query) - gmm_log_prob(
            mixture, rows.double(), given
        )
        units = (queries[name][1] * table.log_scales).sum(1)
        scores[name] = float((log_prob + units).mean())
    return scores


def gmm_log_prob(mixture: Any, x: Tensor, chosen: Tensor) -> Tensor:
    """`log p(x_chosen)` `(B,)` of a fitted mixture, with different columns in each row.

    Other columns are replaced by independent ones of unit variance at distance 0, which changes
    neither the determinant nor the quadratic form.
    """
    means, covs = torch.from_numpy(mixture.means_), torch.from_numpy(mixture.covariances_)
    log_weights, rows = torch.from_numpy(mixture.weights_).log(), []
    for part in torch.arange(len(x)).split(20):
        on = chosen[part].double()  # (b, D)
        cov = covs * (on.unsqueeze(2) * on.unsqueeze(1)).unsqueeze(1)
        cov = cov + torch.diag_embed(1 - on).unsqueeze(1)  # (b, K, D, D)
        factor = torch.linalg.cholesky(cov)
        centred = ((x[part].unsqueeze(1) - means) * on.unsqueeze(1)).unsqueeze(-1)
        z = torch.linalg.solve_triangular(factor, centred, upper=False).squeeze(-1)
        log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        constant = 0.5 * on.sum(1, keepdim=True) * np.log(2 * np.pi)
        rows.append((log_weights - 0.5 * (z**2).sum(-1) - log_det - constant).logsumexp(-1))
    return torch.cat(rows)


def _path(rule: str, batch: int, dim: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Ranks of one path per row `(B, D)`, and the weight of each of its conditionals."""
    natural = torch.arange(dim)
    if rule == "any-order twice":
        return permutations(batch, dim, generator) + 1, torch.ones(batch, dim)
    if rule == "any-order":  # as many conditionals of the path as the other rules train
        kept = marginal_queries(batch, dim, generator)[1]
        return permutations(batch, dim, generator) + 1, kept.float()
    draw = evidence_queries if rule == "evidence" else marginal_queries
    given, query = draw(batch, dim, generator)
    weight = query.float()
    if rule == "no redundancy":
        weight = weight / weight.sum(1, keepdim=True)
    return path_ranks(given, query, natural), weight


def _fit(
    model: nn.Module,
    loss: Callable[[nn.Module, Tensor], Tensor],
    table: Table,
    steps: int,
    size: Size,
    generator: torch.Generator,
) -> tuple[nn.Module, dict[str, Any]]:
    """Adam with a cosine and averaged weights; keeps the best average on validation rows."""
    began = time.process_time()
    optimizer = torch.optim.AdamW(model.parameters(), lr=size.lr, weight_decay=size.weight_decay)
    warm = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1, s / warm) * 0.5 * (1 + np.cos(np.pi * s / steps)) + 1e-4
    )
    ema, best, least, kept = copy.deepcopy(model), None, float("inf"), 0
    state = generator.get_state()
    for step in range(1, steps + 1):
        rows = table.train[torch.randint(len(table.train), (size.batch,), generator=generator)]
        optimizer.zero_grad()
        value = loss(model, rows)
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        decay = min(0.98, step / (step + 10))
        with torch.no_grad():
            for mean, parameter in zip(ema.parameters(), model.parameters(), strict=True):
                mean.lerp_(parameter, 1 - decay)
        if step % max(1, steps // 10) == 0:
            now = generator.get_state()
            generator.set_state(state)  # the same paths every time
            with torch.no_grad():
                validation = float(loss(ema, table.val[:1000]))
            generator.set_state(now)
            if validation < least:
                best, least, kept = copy.deepcopy(ema), validation, step
    info = {"steps": steps, "kept": kept, "cpu_s": time.process_time() - began}
    return best or ema, info


def _near_one_gaussian(head: GaussianMixture) -> Tensor:
    """Bias by which an untrained network returns nearly the base's own Gaussian, N(0, 1)."""
    bias, k = head.initial(), head.components
    bias[k : 2 * k] *= 0.3
    bias[2 * k :] = torch.linspace(-0.7, 0.5, k) if k > 1 else 0.0
    return bias
