"""The training loop of density models: resumable to the same weights bit for bit."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from mac_control.checkpoint import read
from mac_control.density.config import DensityConfig, DensityTraining
from mac_control.density.data import Data
from mac_control.density.evaluation import bits
from mac_control.density.model import DensityModel
from mac_control.density.state import load_state, save_state
from mac_control.engine.base import GaussianBase
from mac_control.engine.two_stream import TwoStream
from mac_control.errors import CheckpointError, InputError, MacControlError
from mac_control.training.arithmetic import autocast
from mac_control.training.batches import generator_of
from mac_control.training.distributed import DistributedContext, init_distributed
from mac_control.training.log import Log
from mac_control.training.optimizer import adamw, average, learning_rate, require_finite

_LOOK = 25  # steps between two reads of the loss: each makes a GPU wait
_FREE = ("save_seconds", "device")  # settings that do not affect the weights


class _Log(Log):
    COLUMNS = ("step", "loss", "grad_norm", "lr", "joint", "marginal", "cpu", "seconds")


def train_density(
    data: Data,
    out: str | Path,
    config: DensityConfig,
    training: DensityTraining | None = None,
    progress: bool = True,
) -> Path:
    """Train a density model; returns the folder of its checkpoint.

    If `out` holds an unfinished run with the same settings, it is resumed and ends with the weights
    it would have had. Started by `torchrun`, the processes share each step's paths.

    Args:
        data: what to learn, of the kind and shape in `config`.
        out: folder for the checkpoint, the training state, `log.csv` and TensorBoard's files.
        config: settings of the model.
        training: settings of training.
        progress: show a progress bar.

    Raises:
        InputError: settings that do not fit the data.
        CheckpointError: `out` holds a run with other settings.
        MacControlError: the loss is no longer finite; the last checkpoint is kept.
    """
    training = training or DensityTraining()
    if (config.kind, config.shape) != (data.kind, data.shape):
        raise InputError(
            f"config: expected {data.kind} of shape {data.shape}, got {config.kind} {config.shape}"
        )
    if config.order == "random" and config.queries != "joint" and config.objective == "mac":
        raise InputError("order: expected natural or spaced for mac, got random")
    ranks = init_distributed(training.device)
    try:
        Run(data, Path(out), config, training, ranks).train(progress and ranks.first)
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        raise MacControlError(
            f"{out}: expected memory for steps of {training.batch_size} rows, got too little: a "
            "smaller --batch-size needs less, or --recompute True; what was saved is kept"
        ) from error
    return Path(out)


class Run:
    """A run at some step."""

    def __init__(
        self,
        data: Data,
        out: Path,
        config: DensityConfig,
        training: DensityTraining,
        ranks: DistributedContext,
    ) -> None:
        ranks.expect_rows(training.batch_size)
        self.data, self.out, self.training, self.ranks = data, out, training, ranks
        self.objective = config.path_objective
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            self.model = DensityModel(config)
        self._fit_columns()
        self.model.to(training.device)
        self.network = self.model.network.train()
        if isinstance(self.network, TwoStream):
            self.network.recompute = training.recompute
        self.ema = copy.copy(self.model)
        self.ema.network = copy.deepcopy(self.network)
        self.best = {n: p.detach().clone() for n, p in self.network.named_parameters()}
        self.params = dict(self.network.named_parameters())
        matrices = [p for p in self.params.values() if p.dim() > 1]
        vectors = [p for p in self.params.values() if p.dim() < 2]
        self.optimizer = adamw(matrices, vectors, training.lr, training.weight_decay)
        self.step, self.cpu, self.best_value = 0, 0.0, math.inf
        self.settings = {
            "config": dataclasses.asdict(config),
            "data": data.digest(),
            **{k: v for k, v in dataclasses.asdict(training).items() if k not in _FREE},
        }
        load_state(self)

    def train(self, progress: bool) -> None:
        """The loop."""
        config = self.training
        self.ranks.require_same("run", [self.step, self.settings])
        bar = tqdm(
            total=config.steps,
            initial=self.step,
            desc=f"{self.objective.name} {self.out.name}",
            disable=not progress,
            mininterval=0.5 if sys.stderr.isatty() else 20.0,
        )
        with bar, contextlib.ExitStack() as stack:
            log = stack.enter_context(_Log(self.out, self.step)) if self.ranks.first else None
            saved = time.monotonic()
            if self.step >= config.steps and self.ranks.first and not self.saved():
                self.save()  # finished before, but the model is missing or damaged
            while self.step < config.steps:
                began, rate = time.process_time(), self.rate()
                loss, norm = self.take_step()
                self.cpu += time.process_time() - began
                bar.update()
                last = self.step == config.steps
                check = self.step % config.check_every == 0 or last
                save = last or time.monotonic() - saved > config.save_seconds
                if self.step % _LOOK == 0 or check or save:
                    self._require_finite(loss)
                    row = {"loss": float(loss), "grad_norm": float(norm), "lr": rate}
                    if check:
                        row |= self.ranks.by_first(self.look)
                    bar.set_postfix({k: f"{v:.3g}" for k, v in row.items()}, refresh=False)
                    if log:
                        log.write(self.step, row | {"cpu": round(self.cpu, 2)})
                if save and self.ranks.first:
                    self.save()
                    saved = time.monotonic()

    def rate(self) -> float:
        """Learning rate of this step."""
        return learning_rate(self.training, self.step)

    def take_step(self) -> tuple[Tensor, Tensor]:
        """One step of the optimizer; returns loss and gradient norm."""
        config = self.training
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        generator = generator_of(config.seed, self.step)
        total = torch.zeros((), device=config.device)
        self.optimizer.zero_grad()
        for part in self._parts(generator, lambda n: self.data.draw(n, generator)):
            with autocast(config.device, config.bf16):
                loss = part()
            if loss is not None:
                loss.backward()  # one path length after the other, to free its activations
                total += loss.detach()
        if self.ranks.size > 1:  # a process without rows of its own adds nothing
            for p in self.params.values():
                p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        grads = [p.grad for p in self.params.values() if p.grad is not None]
        self.ranks.add([total, *grads])
        norm = nn.utils.clip_grad_norm_(self.params.values(), config.clip)
        self.optimizer.step()
        self.step += 1
        means = self.ema.network.parameters()
        average(means, self.params.values(), self.training.ema, self.step)
        return total, norm

    def _parts(
        self, generator: torch.Generator, rows: Callable[[int], np.ndarray]
    ) -> list[Callable[[], Tensor | None]]:
        """The terms of this process's share of the loss [nats a conditional]."""
        size, dim = self.training.batch_size, self.model.dim
        if not isinstance(self.network, TwoStream):
            rank, weight = self.objective.draw_ranks(dim, size, generator)
            drawn = self._share([rank, weight, self.model.encode(rows(size))])
            total = weight.sum()
            return [lambda: self._dense(*drawn, total)]
        paths = self.objective.draw(dim, size * dim, self.training.groups, generator)
        parts = []
        for group in paths:
            tensors = [self.model.encode(rows(len(group.path))), group.path, group.weight]
            tensors += [group.before] if group.before is not None else []
            share = self._share(tensors)
            total = group.weight.sum() * len(paths)
            parts.append(lambda s=share, t=total: self._packed(*s, total=t))
        return parts

    def _packed(
        self,
        x: Tensor,
        path: Tensor,
        weight: Tensor,
        before: Tensor | None = None,
        *,
        total: Tensor,
    ) -> Tensor | None:
        if not len(x):
            return None
        assert isinstance(self.network, TwoStream)
        params = self.network.along(x, path, before)
        log_prob = self.model.head.log_prob(params.float(), x.gather(1, path))
        return -(weight * log_prob).sum() / total.to(x)

    def _dense(self, rank: Tensor, weight: Tensor, x: Tensor, total: Tensor) -> Tensor | None:
        if not len(x):
            return None
        log_prob = self.model.head.log_prob(self.network(x, rank), x)
        return -(weight * log_prob).sum() / total.to(x)

    def _share(self, tensors: list[Tensor]) -> list[Tensor]:
        parts = self.ranks.share(dict(enumerate(tensors)))  # type: ignore[arg-type]
        return [tensor.to(self.training.device) for tensor in parts.values()]

    def look(self) -> dict[str, float]:
        """Bits per dimension of validation rows by the averaged weights."""
        rows = self.data.rows("validation", self.training.check_rows)
        found = bits(self.ema, rows, ("joint", "marginal"))
        row = {name: float(values.mean()) for name, values in found.items()}
        value = (
            row["joint"] + row["marginal"] if self.objective.queries != "joint" else row["joint"]
        )
        if value < self.best_value:
            self.best_value = value
            self.best = {n: p.detach().clone() for n, p in self.ema.network.named_parameters()}
        return row

    def saved(self) -> bool:
        """Whether the folder holds the complete model."""
        try:
            return bool(read(self.out, "density"))
        except CheckpointError:
            return False

    def save(self) -> None:
        """Save the model first, then the state: a resumed run writes the model again."""
        kept = copy.copy(self.ema)
        if self.training.keep == "best" and math.isfinite(self.best_value):
            kept.network = copy.deepcopy(self.ema.network)
            kept.network.load_state_dict(self.best, strict=False)
        training = {**dataclasses.asdict(self.training), "step": self.step, "cpu_s": self.cpu}
        kept.save(self.out, {"training": training, "data": {"sha256": self.settings["data"]}})
        save_state(self)

    def _fit_columns(self) -> None:
        """For tables, fit each column's bend and one Gaussian before the network is trained."""
        if self.model.bend is None:
            return
        rows = torch.from_numpy(self.data.train)
        self.model.bend.fit(rows)
        base = getattr(self.model.network, "base", None)
        assert base is not None
        fitted = GaussianBase(self.model.bend(rows)[0], 0, self.model.config.shrink)
        base.load_state_dict(fitted.state_dict())

    def _require_finite(self, loss: Tensor) -> None:
        state = f"{self.out}: the loss is {float(loss):.4g} at step {self.step}"
        require_finite(state, loss, self.params.values(), self.training.lr)
