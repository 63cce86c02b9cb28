"""Baselines on the same rows: zuko's neural spline flow, scikit-learn's Gaussian mixture."""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mac_control.density.data import Data
from mac_control.density.evaluation import QUERIES, draw_queries
from mac_control.density.gaussianise import Gaussianise
from mac_control.errors import InputError
from mac_control.training.batches import generator_of

#: Method -> the package that it needs.
METHODS = {"flow": "zuko", "mixture": "scikit-learn"}


def rate_baseline(
    data: Data, method: str, seed: int, steps: int, bend: int = 0, rows: int = 2000
) -> dict[str, Any]:
    """Fit to the training rows, select on the validation rows, rate on the test rows.

    Raises:
        InputError: an unknown method, or one whose package is not installed.
    """
    if method not in METHODS:
        raise InputError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if data.kind != "tables":
        raise InputError(f"data: expected a table, got {data.kind}")
    began = time.process_time()
    columns = Gaussianise(data.shape[0], bend).fit(torch.from_numpy(data.train))
    train, validation = (columns(torch.from_numpy(r))[0] for r in (data.train, data.validation))
    test, slopes = columns(torch.from_numpy(data.rows("test", rows)))
    try:
        ask = (_flow if method == "flow" else _mixture)(train, validation, seed, steps)
    except ImportError as error:
        raise InputError(
            f"method: {method} needs {METHODS[method]}: pip install 'mac-control[bench]'"
        ) from error
    cpu = time.process_time() - began
    names = ("joint",) if method == "flow" else tuple(QUERIES)
    name = "zuko, neural spline flow" if method == "flow" else "scikit-learn, Gaussian mixture"
    found: dict[str, Any] = {
        "model": f"{method}-{seed}" + ("-bent" if bend else ""),
        "method": name + (", columns made normal" if bend else ""),
        "kind": data.kind,
        "dim": data.shape[0],
        "objective": method,
        "queries": "any" if method == "mixture" else "joint",
        "asked_in": "natural",
        "seed": seed,
        "steps": steps,
        "cpu_s": round(cpu, 1),
        "rows": len(test),
        "split": "test",
        "data": data.digest(),
    }
    for query in names:
        given, asked = (torch.from_numpy(m) for m in draw_queries(query, len(test), data.shape[0]))
        nats = ask(test, given, asked) + torch.where(asked, slopes, 0).sum(1)
        values = (-nats / (math.log(2) * data.shape[0])).double().numpy()
        error = float(values.std(ddof=1) / math.sqrt(len(values)))
        found[query] = {"mean": round(float(values.mean()), 5), "stderr": round(error, 5)}
    return found


Ask = Callable[[Tensor, Tensor, Tensor], Tensor]


def _flow(train: Tensor, validation: Tensor, seed: int, steps: int) -> Ask:
    import zuko

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        flow = zuko.flows.NSF(train.shape[1], transforms=3, bins=8, hidden_features=(128, 128))
    optimizer = torch.optim.AdamW(flow.parameters(), lr=5e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    best, least = copy.deepcopy(flow), math.inf
    for step in range(steps):
        generator = generator_of(seed, step)
        rows = train[torch.randint(len(train), (128,), generator=generator)]
        optimizer.zero_grad()
        loss = -flow().log_prob(rows).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % max(1, steps // 20) == 0:
            with torch.no_grad():
                value = float(-flow().log_prob(validation[:1000]).mean())
            if value < least:
                best, least = copy.deepcopy(flow), value

    def ask(x: Tensor, given: Tensor, asked: Tensor) -> Tensor:
        with torch.no_grad():
            return best().log_prob(x)

    return ask


def _mixture(train: Tensor, validation: Tensor, seed: int, steps: int) -> Ask:
    from sklearn.mixture import GaussianMixture

    rng = np.random.default_rng(seed)
    rows = train.double().numpy()
    rows = rows[rng.permutation(len(rows))[:20_000]]
    much = len(rows) > 10_000
    fits = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about fits that did not converge
        for count in (10, 30) if much else (1, 2, 3, 5, 8):
            for floor in (1e-3,) if much else (1e-3, 1e-2, 1e-1):
                mixture = GaussianMixture(
                    count,
                    reg_covar=floor,
                    init_params="k-means++",
                    max_iter=40 if much else 200,
                    random_state=seed,
                )
                fits.append(mixture.fit(rows))
    best = max(fits, key=lambda fit: float(fit.score(validation.double().numpy()[:2000])))

    def ask(x: Tensor, given: Tensor, asked: Tensor) -> Tensor:
        both = _log_prob(best, x.double(), given | asked)
        return (both - _log_prob(best, x.double(), given)).float()

    return ask


def _log_prob(mixture: Any, x: Tensor, chosen: Tensor) -> Tensor:
    """`log p(x_chosen)` `(B,)` of a fitted mixture, with different columns in each row.

    Other columns count as independent, of unit variance and at distance 0, which changes neither
    the determinant nor the quadratic form.
    """
    means, covs = torch.from_numpy(mixture.means_), torch.from_numpy(mixture.covariances_)
    log_weights, found = torch.from_numpy(mixture.weights_).log(), []
    for part in range(0, len(x), 20):
        on = chosen[part : part + 20].double()  # (b, D)
        cov = covs * (on.unsqueeze(2) * on.unsqueeze(1)).unsqueeze(1)
        factor = torch.linalg.cholesky(cov + torch.diag_embed(1 - on).unsqueeze(1))
        centred = ((x[part : part + 20].unsqueeze(1) - means) * on.unsqueeze(1)).unsqueeze(-1)
        z = torch.linalg.solve_triangular(factor, centred, upper=False).squeeze(-1)
        log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        constant = 0.5 * on.sum(1, keepdim=True) * math.log(2 * math.pi)
        found.append((log_weights - 0.5 * (z**2).sum(-1) - log_det - constant).logsumexp(-1))
    return torch.cat(found)
