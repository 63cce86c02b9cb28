"""The training loop: one for every policy, resumable to the same weights bit for bit."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from mac_control.demonstrations import Demonstrations
from mac_control.errors import InputError
from mac_control.files import user_path
from mac_control.policies import LearnedPolicy, policy_class
from mac_control.seeds import whole_seed
from mac_control.training.batches import stacked
from mac_control.training.config import TrainConfig
from mac_control.training.distributed import DistributedContext, init_distributed
from mac_control.training.log import Log
from mac_control.training.presets import preset
from mac_control.training.run import Run
from mac_control.training.state import load_state, save_state

#: Rates a policy (by rollouts, say): higher is better.
Score = Callable[[LearnedPolicy], float]

_LOOK = 25  # steps between two reads of the loss: each makes a GPU wait


def train(
    name: str,
    demonstrations: Demonstrations,
    out: str | Path,
    *,
    seeds: Sequence[int] = (0,),
    policy_config: Any = None,
    config: TrainConfig | None = None,
    score: Score | None = None,
    progress: bool = True,
    wandb: str | None = None,
    start: str | Path | None = None,
) -> list[Path]:
    """Train a policy, or one per seed side by side; returns the checkpoint folders.

    One seed is saved in `out`, several in `out/seed-0` and so on. If `out` holds an unfinished
    run with the same settings, it is resumed and ends with the weights it would have had.
    Started by `torchrun`, the processes share each batch, and the first one writes.

    Args:
        name: which policy (`bc`, `ibc`, `mac`, ...).
        demonstrations: what to learn.
        out: folder for checkpoints, training state, `log.csv` and TensorBoard's event files.
        seeds: each determines initial weights, batches and all other randomness. Seeds of a policy
            that is not `stackable` are trained one after another.
        policy_config: the policy's `Config`; None: its defaults.
        config: how to train; None: as on the command line.
        score: rates a policy, higher is better; needed with `select_by="rollouts"`. Where it has
            an attribute `settings` (JSON values), a run resumes only with the same ones.
        progress: show a progress bar.
        wandb: Weights & Biases project to send the curves to (extra `[wandb]`); None: nowhere.
        start: checkpoint to start from, in place of new weights; its configuration, action box
            and scale of observations stay.

    Raises:
        InputError: settings that do not fit together.
        CheckpointError: `out` holds a run with other settings.
        MacControlError: the loss is no longer finite, or another process of this run has ended;
            the last checkpoint is kept.
    """
    config = config or preset(name)
    seeds = [whole_seed(seed, "seeds") for seed in seeds]
    if not seeds or len(set(seeds)) < len(seeds):
        raise InputError(f"seeds: expected different numbers of at least 0, got {list(seeds)}")
    if config.select_by == "rollouts" and score is None:
        raise InputError("score: expected a function that rates a policy with select_by=rollouts")
    out = user_path(out)
    groups = {out: tuple(seeds)}
    if len(seeds) > 1 and not policy_class(name).stackable:
        groups = {out / f"seed-{seed}": (seed,) for seed in seeds}
    folders: list[Path] = []
    ranks = init_distributed(config.device)
    for folder, group in groups.items():
        begin = None if start is None else user_path(start)
        run = Run(name, demonstrations, folder, group, policy_config, config, begin, score)
        load_state(run)
        if run.note and ranks.first:
            print(run.note, file=sys.stderr)
        Trainer(run, ranks, score, progress and ranks.first, wandb).train()
        folders += run.folders
    return folders


class Trainer:
    """Takes a run from its current step to the last."""

    def __init__(
        self,
        run: Run,
        ranks: DistributedContext,
        score: Score | None = None,
        progress: bool = False,
        wandb: str | None = None,
    ) -> None:
        ranks.expect_rows(run.config.batch_size)
        self.run, self.ranks, self.score, self.wandb = run, ranks, score, wandb
        self.losses = torch.compile(run.stack.losses) if run.config.compile else run.stack.losses
        self.bar = tqdm(
            total=run.config.steps,
            initial=run.step,
            desc=f"{run.settings['policy']} {run.out.name}",
            disable=not progress,
            mininterval=0.5 if sys.stderr.isatty() else 20.0,  # a log file needs no animation
        )

    def train(self) -> None:
        """The loop."""
        run, config, ranks = self.run, self.run.config, self.ranks
        ranks.require_same("run", [run.step, run.settings])
        with self.bar, self.begun() or nullcontext() as log:
            saved = time.monotonic()
            while run.step < config.steps and not run.stopped:
                rate = run.rate()
                loss, norm = self.step(rate)
                last = run.step == config.steps
                check = run.step % config.check_every == 0 or last
                late = last or time.monotonic() - saved > config.save_seconds
                save = late and ranks.first
                if run.step % _LOOK == 0 or check or save:
                    run.require_finite(loss)
                    row = {"loss": loss.mean().item(), "grad_norm": norm.mean().item(), "lr": rate}
                    if check:
                        values, found = ranks.by_first(self.look)
                        run.keep_best(values)
                        row |= found
                    shown = {k: f"{v:.3g}" for k, v in row.items() if k not in ("lr", "grad_norm")}
                    self.bar.set_postfix(shown, refresh=False)
                    if log:
                        log.write(run.step, row)
                if save:
                    self.save()
                    saved = time.monotonic()
            if ranks.first and (run.stopped or not run.saved()):  # or a file is missing or damaged
                self.save()

    def begun(self) -> Log | None:
        """The log of the run, whose folder is reserved for it from now on."""
        if not self.ranks.first:
            return None
        if self.run.step == 0:
            save_state(self.run)
        return Log(self.run.out, self.run.step, self.wandb, self.run.settings)

    def step(self, rate: float) -> tuple[Tensor, Tensor]:
        """One step of the optimizer; returns loss and gradient norm, `(S,)` each."""
        run, ranks = self.run, self.ranks
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        drawn = [run.draw(seed) for seed in run.seeds]
        mine = [ranks.share(batch) for batch in drawn]
        with run.autocast():
            loss = self.losses(stacked(mine))
        if ranks.size > 1:  # weigh this share as in the mean over the whole batch
            weight = run.policies[0].weight
            shares = [weight(own) / weight(whole) for own, whole in zip(mine, drawn, strict=True)]
            loss = loss * torch.stack(shares).to(loss)
        run.optimizer.zero_grad()
        loss.sum().backward()
        loss = loss.detach()
        ranks.add([loss, *(p.grad for p in run.params.values() if p.grad is not None)])
        norm = run.stack.clip(run.config.clip)
        run.optimizer.step()
        run.step += 1
        run.average()
        self.bar.update()
        return loss, norm

    def look(self) -> tuple[list[float], dict[str, float]]:
        """Rate the averaged weights: the values to select by, and the means to log."""
        run, row = self.run, {}
        values: list[float] = []
        if run.held_out is not None:
            validation = run.validate()
            row["validation"] = float(np.mean(validation))
            if run.config.select_by == "validation":
                values = [-value for value in validation]
        if run.config.select_by == "rollouts":
            assert self.score is not None
            values = [self.score(run.kept(index)) for index in range(len(run.seeds))]
            row["score"] = float(np.mean(values))
        return values, row

    def save(self) -> None:
        """Save the policies first, then the state: a resumed run writes policies again."""
        self.run.save_policies()
        save_state(self.run)
