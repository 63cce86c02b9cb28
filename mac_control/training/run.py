"""The state of a training run: policies, their averages, the data, the current step."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from mac_control.checkpoint import load_policy, save_policy
from mac_control.checkpoint_record import policy_record
from mac_control.demonstrations import Demonstrations
from mac_control.demonstrations.table import Table
from mac_control.errors import CheckpointError, InputError, MacControlError
from mac_control.policies import LearnedPolicy, policy_class
from mac_control.training.arithmetic import autocast, chosen_bf16
from mac_control.training.batches import digest, generator_of, stacked, subtasks_digest
from mac_control.training.build import new_policy
from mac_control.training.config import TrainConfig
from mac_control.training.corrections import corrected_dims, displace
from mac_control.training.mixing import draw_rows, row_weights
from mac_control.training.optimizer import (
    adamw,
    average,
    learning_rate,
    means_of,
    require_finite,
    schedule_free,
)
from mac_control.training.stack import Stack

_CHUNK = 1024  # validation steps in one batch
#: Settings that do not affect the weights.
_FREE = ("save_seconds",)


class Run:
    """A run at some step; `mac_control.training.trainer` advances it."""

    def __init__(
        self,
        name: str,
        demonstrations: Demonstrations,
        out: Path,
        seeds: tuple[int, ...],
        policy: Any,
        config: TrainConfig,
        start: Path | None = None,
        score: Any = None,
    ) -> None:
        self.config, self.seeds, self.out = config, seeds, out
        self.folders = [out] if len(seeds) == 1 else [out / f"seed-{seed}" for seed in seeds]
        train, held_out = demonstrations.split(config.validation, config.split_seed)
        if start is None:
            cls = policy_class(name)
            policy = cls.named(cls.Config() if policy is None else policy, demonstrations)
            self.policies = [new_policy(name, train, seed, policy) for seed in seeds]
        else:
            self.policies = [started(start, name, demonstrations) for _ in seeds]
        for each in self.policies:
            each.to(config.device).train()
        self.data = Table(train, config.device)
        self.ends = row_weights(train, config.intervention_weight)
        self.held_out = Table(held_out, config.device) if held_out else None
        if config.corrections and not self.policies[0].chunk_size:
            raise InputError(
                f"corrections: expected 0 with a policy ({name}) that sees the past, "
                f"got {config.corrections}"
            )
        if config.corrections:
            corrected_dims(demonstrations.robot)  # before anything is trained
        rows = config.batch_size * self.policies[0].rows_per_sample
        self.bf16, self.note = chosen_bf16(config.bf16, config.device, rows)
        self.provenance = demonstrations.provenance
        self.stack = Stack(self.policies)
        self.params = self.stack.params
        self._ema = {name: p.detach().clone() for name, p in self.params.items()}
        self.best = {name: p.detach().clone() for name, p in self.params.items()}
        matrices, vectors = self.stack.decayed()
        self._averages = config.optimizer == "schedule-free"  # the optimizer does, itself
        make = schedule_free if self._averages else adamw
        self.optimizer: Optimizer = make(matrices, vectors, config.lr, config.weight_decay)
        self._drawn: dict[int, tuple[int, list[dict[str, Tensor]]]] = {}  # seed -> block, batches
        self.step = 0
        self.best_value: list[float | None] = [None] * len(seeds)
        self.misses = [0] * len(seeds)
        # A run resumes only where everything that affects its weights is the same.
        self.settings = {
            "policy": name,
            "policy_config": dataclasses.asdict(self.policies[0].config),
            "seeds": list(seeds),
            "data": digest(demonstrations),
            "subtasks": subtasks_digest(demonstrations),
            "robot": demonstrations.robot.to_json() if demonstrations.robot else None,
            "score": getattr(score, "settings", None) if config.select_by == "rollouts" else None,
            "start": None if start is None else self.policies[0].checkpoint["weights"]["sha256"],
            **{k: v for k, v in dataclasses.asdict(config).items() if k not in _FREE},
            "bf16": self.bf16,
        }

    @property
    def stopped(self) -> bool:
        """Whether no policy has improved for `patience` checks."""
        return bool(self.config.patience) and min(self.misses) >= self.config.patience

    def rate(self) -> float:
        """Learning rate of this step."""
        if self._averages:
            return self.config.lr * min(1.0, (self.step + 1) / max(1, self.config.warmup))
        return learning_rate(self.config, self.step)

    @property
    def ema(self) -> dict[str, Tensor]:
        """The averaged weights by name, which are rated and saved."""
        return means_of(self.optimizer, self.params) if self._averages else self._ema

    def draw(self, seed: int) -> dict[str, Tensor]:
        """The batch of this step, which depends on (seed, step) only.

        Batches of several steps are drawn together, which is cheaper.
        """
        block, index = divmod(self.step, self.policies[0].batches_drawn)
        known = self._drawn.get(seed)
        if known is None or known[0] != block:
            known = self._drawn[seed] = block, self._draw_block(seed, block)
        return known[1][index]

    def _draw_block(self, seed: int, block: int) -> list[dict[str, Tensor]]:
        generator, policy = generator_of(seed, block), self.policies[0]
        size, many = self.config.batch_size, policy.batches_drawn
        rows = draw_rows(len(self.data), self.ends, many * size, generator)
        steps = policy.training_rows(self.data, rows)
        if self.config.corrections:
            obs, action, executed = displace(
                *steps[:3],
                generator,
                self.config.corrections,
                self.config.correction_gain,
                policy.chunk_size,
                policy.robot,
            )
            steps = steps._replace(obs=obs, action=action, executed=executed)
        if self.config.obs_noise:
            noise = torch.randn(steps.obs.shape, generator=generator).to(steps.obs)
            noise *= self.config.obs_noise * policy.obs_noise_scale
            steps = steps._replace(obs=steps.obs + noise)
        drawn = policy.draw(steps, generator)
        parts = {name: value.split(size) for name, value in drawn.items()}
        return [{name: part[i] for name, part in parts.items()} for i in range(many)]

    def average(self) -> None:
        """Move the average towards the weights."""
        if not self._averages:
            average(self._ema.values(), self.params.values(), self.config.ema, self.step)

    def autocast(self) -> torch.autocast:
        """bfloat16 where it was chosen."""
        return autocast(self.config.device, self.bf16)

    def require_finite(self, loss: Tensor) -> None:
        """Stop before anything that is not finite is saved."""
        losses = [round(v, 4) for v in loss.tolist()]
        state = f"{self.out}: the loss is {losses} at step {self.step}"
        require_finite(state, loss, self.params.values(), self.config.lr)

    @torch.no_grad()
    def validate(self) -> list[float]:
        """Validation loss of each policy's averaged weights."""
        assert self.held_out is not None
        count, total = len(self.held_out), torch.zeros(len(self.seeds))
        for rows in torch.arange(count).split(_CHUNK):
            steps, drawn = self.policies[0].training_rows(self.held_out, rows), []
            for seed in self.seeds:  # the same draws at each check: noise would choose the best
                generator = generator_of(seed, int(rows[0]), 1)
                drawn.append(self.policies[0].draw(steps, generator))
            losses = self.stack.losses_with(self.ema, stacked(drawn))
            total += losses.float().cpu() * len(rows)
        return (total / count).tolist()

    def keep_best(self, values: list[float]) -> None:
        """Keep the averaged weights of each policy whose rating is its best so far.

        Raises:
            MacControlError: a rating that is not finite, by which none can be chosen.
        """
        means = self.ema if values else {}
        for index, value in enumerate(values):
            if self.config.patience and self.misses[index] >= self.config.patience:
                continue  # this one has stopped
            if not math.isfinite(value):
                rated = self.config.select_by == "rollouts"
                what = f"score is {value}" if rated else f"validation loss is {-value}"
                raise MacControlError(
                    f"{self.out}: the {what} at step {self.step} (seed {self.seeds[index]}), "
                    "expected a finite number to choose by; what was saved before is kept"
                )
            self.misses[index] += 1
            best_value = self.best_value[index]
            if best_value is None or value > best_value:
                self.best_value[index], self.misses[index] = value, 0
                for name, best in self.best.items():
                    one = slice(None) if len(self.seeds) == 1 else index
                    best[one] = means[name][one]

    def kept(self, index: int) -> LearnedPolicy:
        """A policy with its averaged weights, ready to act."""
        own = self.policies[0]
        with torch.random.fork_rng(devices=[]):
            policy = type(own)(own.config, *own.box)
        policy.load_state_dict(self.stack.state_dict(index, self.ema))
        return policy.eval()

    def saved(self) -> bool:
        """Whether the folder of every policy holds its complete checkpoint."""
        try:
            return all(policy_record(folder) for folder in self.folders)
        except CheckpointError:
            return False

    def save_policies(self) -> None:
        """Write the checkpoint of each policy."""
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
                training=training
                | {"config": dataclasses.asdict(self.config) | {"bf16": self.bf16}},
                data=self.provenance,
            )


def trained_policy(start: Path) -> LearnedPolicy:
    """The policy of a checkpoint from which training can start.

    Raises:
        InputError: an exported file.
    """
    policy = load_policy(start)
    if not isinstance(policy, LearnedPolicy):
        raise InputError(
            f"from: expected the folder of a checkpoint, got the exported file {start}; give the "
            "checkpoint that it was made from"
        )
    return policy


def started(start: Path, name: str, demonstrations: Demonstrations) -> LearnedPolicy:
    """The policy of a checkpoint, to be trained further on these demonstrations.

    Its box and the scale of its observations stay as they are.

    Raises:
        InputError: a checkpoint of another policy, of a robot other than the data's, or without an
            intent that these name.
    """
    policy = trained_policy(start)
    if policy.name != name:
        raise InputError(f"from: expected a checkpoint of {name}, got one of {policy.name}")
    sizes = [(each.obs_dim, each.action_dim) for each in (policy, demonstrations)]
    if sizes[0] != sizes[1]:
        raise InputError(
            f"from: expected a policy of {sizes[1][0]} observed and {sizes[1][1]} action "
            f"dimensions, as the data have, got {sizes[0][0]} and {sizes[0][1]}"
        )
    robot = demonstrations.robot
    own = policy.robot
    if robot and own and [a.name for a in robot.actions] != [a.name for a in own.actions]:
        raise InputError(
            f"from: expected a policy of the data's robot, {robot.name}, got one of "
            f"{own.name}, whose dimensions have other names"
        )
    guessed = policy.guessed_box or demonstrations.provenance.get("box")
    if robot is not None and not guessed:
        for end, found in (("low", robot.low), ("high", robot.high)):
            if not np.allclose(found, getattr(policy, end)):
                raise InputError(
                    f"from: expected a policy of the data's action box, {end} "
                    f"{found.tolist()}, got {getattr(policy, end).tolist()}"
                )
    policy.named(policy.config, demonstrations)
    return policy
