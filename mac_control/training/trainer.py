"""The training loop: one for every policy, resumable to the same weights bit for bit."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from mac_control.checkpoint import save_policy
from mac_control.demonstrations import Demonstrations
from mac_control.errors import InputError, MacControlError
from mac_control.policies import LearnedPolicy, policy_class
from mac_control.training.build import new_policy
from mac_control.training.config import TrainConfig
from mac_control.training.corrections import displace
from mac_control.training.stack import Stack
from mac_control.training.state import Log, load_state, save_state

#: Rates a policy by rollouts, say: higher is better.
Score = Callable[[LearnedPolicy], float]

_CHUNK = 1024  # validation steps in one batch
_LOOK = 25  # steps between two looks at the loss: each makes a GPU wait


def train(
    name: str,
    demonstrations: Demonstrations,
    out: str | Path,
    *,
    seeds: Sequence[int] = (0,),
    policy: Any = None,
    config: TrainConfig | None = None,
    score: Score | None = None,
    progress: bool = True,
) -> list[Path]:
    """Train a policy, or several that differ by seed side by side; their checkpoint folders.

    One seed is saved in `out`, several in `out/seed-0` and so on. If `out` holds an unfinished
    run of the same settings, that run goes on and ends with the weights it would have had.

    Args:
        name: which policy (`bc`, `ibc`, `mac`, ...).
        demonstrations: what to learn.
        out: folder for checkpoints, training state and `log.csv`.
        seeds: each draws initial weights and batches; all that is random follows from it. Seeds
            of a policy that is not `stackable` are trained one after another.
        policy: the policy's `Config`; None: its defaults.
        config: how to train.
        score: rates a policy, higher is better; needed with `keep="rollouts"`.
        progress: show a progress bar.

    Raises:
        InputError: settings that do not fit together.
        CheckpointError: `out` holds a run with other settings.
        MacControlError: the loss is no longer finite; the checkpoint from before is kept.
    """
    config = config or TrainConfig()
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise InputError(f"seeds: expected different numbers of at least 0, got {list(seeds)}")
    if config.keep == "rollouts" and score is None:
        raise InputError("score: expected a function that rates a policy with keep=rollouts")
    if len(seeds) > 1 and not policy_class(name).stackable:
        options = {"policy": policy, "config": config, "score": score, "progress": progress}
        return [
            train(name, demonstrations, Path(out) / f"seed-{seed}", seeds=(seed,), **options)[0]
            for seed in seeds
        ]
    run = _Run(name, demonstrations, Path(out), tuple(seeds), policy, config)
    run.train(score, progress)
    return run.folders


class _Run:
    """What a training run holds; `train` is the loop."""

    def __init__(
        self,
        name: str,
        demonstrations: Demonstrations,
        out: Path,
        seeds: tuple[int, ...],
        policy: Any,
        config: TrainConfig,
    ) -> None:
        self.config, self.seeds, self.out = config, seeds, out
        self.folders = [out] if len(seeds) == 1 else [out / f"seed-{seed}" for seed in seeds]
        train, held_out = demonstrations.split(config.validation, config.split_seed)
        self.policies = [new_policy(name, train, seed, policy) for seed in seeds]
        for each in self.policies:
            each.to(config.device).train()
        self.data = self.tensors(train)
        self.held_out = self.tensors(held_out) if held_out else None
        if config.corrections and self.data[0].shape[1] != self.policies[0].obs_dim:
            raise InputError(f"corrections: expected 0 with the policy {name}, which sees windows")
        self.provenance = demonstrations.provenance
        self.stack = Stack(self.policies)
        self.params = self.stack.params
        self.ema = {name: p.detach().clone() for name, p in self.params.items()}
        self.best = {name: p.detach().clone() for name, p in self.params.items()}
        matrices, vectors = self.stack.decayed()
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": config.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=config.lr,
            betas=(0.9, 0.99),
            fused=True,
        )
        self.step = 0
        self.best_value: list[float | None] = [None] * len(seeds)
        self.misses = [0] * len(seeds)
        # A run goes on only where all that decides its weights is the same.
        self.settings = {
            "policy": name,
            "policy_config": dataclasses.asdict(self.policies[0].config),
            "seeds": list(seeds),
            "data": _digest(demonstrations),
            **{k: v for k, v in dataclasses.asdict(config).items() if k != "save_seconds"},
        }
        load_state(self)

    def tensors(self, demonstrations: Demonstrations) -> list[Tensor]:
        """What rows are drawn from, on the device."""
        parts = self.policies[0].training_arrays(demonstrations)
        return [torch.from_numpy(part).to(self.config.device) for part in parts]

    def train(self, score: Score | None, progress: bool) -> None:
        """From the step it is at to the last."""
        config, losses = self.config, self.stack.losses
        if self.step == 0:
            save_state(self)  # from here on the folder is this run's, and no other policy's
        if config.compile:
            losses = torch.compile(losses)
        log = Log(self.out / "log.csv", self.step)
        bar = tqdm(
            total=config.steps,
            initial=self.step,
            desc=f"{self.settings['policy']} {self.out.name}",
            disable=not progress,
            mininterval=0.5 if sys.stderr.isatty() else 20.0,  # a log file needs no animation
        )
        saved = time.monotonic()
        with bar, log:
            while self.step < config.steps and not self.stopped:
                rate = self.rate()
                for group in self.optimizer.param_groups:
                    group["lr"] = rate
                batches = _stacked([self.draw(seed) for seed in self.seeds])
                with self.autocast():
                    loss = losses(batches)
                self.optimizer.zero_grad()
                loss.sum().backward()
                norm = self.stack.clip(config.clip)
                self.optimizer.step()
                self.step += 1
                self.average()
                bar.update()
                last = self.step == config.steps
                check = self.step % config.check_every == 0 or last
                save = last or time.monotonic() - saved > config.save_seconds
                if self.step % _LOOK == 0 or check or save:
                    self.require_finite(loss)
                    row = {"loss": loss.mean().item(), "grad_norm": norm.mean().item(), "lr": rate}
                    if check:
                        row |= self.check(score)
                    shown = {k: f"{v:.3g}" for k, v in row.items() if k not in ("lr", "grad_norm")}
                    bar.set_postfix(shown, refresh=False)
                    log.write(self.step, row)
                if save:
                    self.save()
                    saved = time.monotonic()
            if self.stopped:
                self.save()

    @property
    def stopped(self) -> bool:
        """Whether no policy has got better for `patience` looks."""
        return bool(self.config.patience) and min(self.misses) >= self.config.patience

    def rate(self) -> float:
        """Learning rate of this step."""
        config = self.config
        if self.step < config.warmup:
            return config.lr * (self.step + 1) / config.warmup
        done = (self.step - config.warmup) / max(1, config.steps - config.warmup)
        return config.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))

    def draw(self, seed: int) -> dict[str, Tensor]:
        """The batch of this step; it follows from (seed, step) alone."""
        generator = _generator(seed, self.step)
        rows = torch.randint(len(self.data[0]), (self.config.batch_size,), generator=generator)
        rows = rows.to(self.config.device)
        batch = tuple(part[rows] for part in self.data)
        if self.config.corrections:
            batch = displace(
                *batch, generator, self.config.corrections, self.config.correction_gain
            )
        return self.policies[0].draw(*batch, generator)

    @torch.no_grad()
    def average(self) -> None:
        """Move the average towards the weights; early on it forgets faster."""
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step)) if self.config.ema else 0.0
        torch._foreach_lerp_(list(self.ema.values()), list(self.params.values()), 1 - decay)

    def autocast(self) -> torch.autocast:
        """bfloat16 where asked for."""
        kind = torch.device(self.config.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.config.bf16)

    def require_finite(self, loss: Tensor) -> None:
        """Stop before anything that is not finite is saved."""
        whole = torch.stack([p.detach().isfinite().all() for p in self.params.values()]).all()
        if not (loss.isfinite().all() & whole).item():
            raise MacControlError(
                f"{self.out}: the loss is {[round(v, 4) for v in loss.tolist()]} at step "
                f"{self.step}, expected finite numbers; the last good checkpoint is kept; "
                f"a lower lr (now {self.config.lr}) may help"
            )

    def check(self, score: Score | None) -> dict[str, float]:
        """Validation losses and scores of the averaged weights; the best weights are kept."""
        row: dict[str, float] = {}
        values: list[float] | None = None
        if self.held_out is not None:
            validation = self.validate()
            row["validation"] = float(np.mean(validation))
            if self.config.keep == "validation":
                values = [-value for value in validation]
        if self.config.keep == "rollouts":
            assert score is not None
            values = [score(self.kept(index, self.ema)) for index in range(len(self.seeds))]
            row["score"] = float(np.mean(values))
        for index, value in enumerate(values or []):
            if self.config.patience and self.misses[index] >= self.config.patience:
                continue  # this one has stopped
            self.misses[index] += 1
            best_value = self.best_value[index]
            if best_value is None or value > best_value:
                self.best_value[index], self.misses[index] = value, 0
                for name, best in self.best.items():
                    one = slice(None) if len(self.seeds) == 1 else index
                    best[one] = self.ema[name][one]
        return row

    @torch.no_grad()
    def validate(self) -> list[float]:
        """Validation loss of each policy."""
        assert self.held_out is not None
        count, total = len(self.held_out[0]), torch.zeros(len(self.seeds))
        for start in range(0, count, _CHUNK):
            rows = [part[start : start + _CHUNK] for part in self.held_out]
            drawn = []
            for seed in self.seeds:  # the same draws at each look: noise would choose the best
                generator = _generator(seed, start, 1)
                drawn.append(self.policies[0].draw(*rows, generator))
            losses = self.stack.losses_with(self.ema, _stacked(drawn))
            total += losses.float().cpu() * len(rows[0])
        return (total / count).tolist()

    def kept(self, index: int, params: dict[str, Tensor]) -> LearnedPolicy:
        """A policy with these parameters, ready to act."""
        own = self.policies[0]
        box = (own.obs_mean, own.obs_std, own.action_low, own.action_high)
        with torch.random.fork_rng(devices=[]):
            policy = type(own)(own.config, *(part.cpu().numpy() for part in box))
        policy.load_state_dict(self.stack.state_dict(index, params))
        return policy.eval()

    def save(self) -> None:
        """The policies first, then the state: a resumed run writes policies again."""
        looked = self.best_value[0] is not None
        params = self.best if looked else self.ema
        for index, (seed, folder) in enumerate(zip(self.seeds, self.folders, strict=True)):
            training = {"seed": seed, "step": self.step, "steps": self.config.steps}
            if looked:
                training["best"] = self.best_value[index]
            save_policy(
                folder,
                self.policies[0],
                tensors=self.stack.state_dict(index, params),
                training=training | {"config": dataclasses.asdict(self.config)},
                data=self.provenance,
            )
        save_state(self)


def _stacked(batches: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([batch[name] for batch in batches]) for name in batches[0]}


def _generator(*key: int) -> torch.Generator:
    state = np.random.SeedSequence(key).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]))


def _digest(demonstrations: Demonstrations) -> str:
    digest = hashlib.sha256()
    for episode in demonstrations:
        for part in (episode.observations, episode.actions, episode.executed):
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
