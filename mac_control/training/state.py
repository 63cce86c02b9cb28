"""The state of a training run on disk: all that the rest of it depends on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mac_control.checkpoint import commit, read
from mac_control.errors import CheckpointError
from mac_control.training.optimizer import moments_of, restore_moments

if TYPE_CHECKING:
    from mac_control.training.run import Run


def save_state(run: Run) -> None:
    """Write all that the rest of the run depends on."""
    tensors: dict[str, Tensor] = {}
    means = run.ema
    for name, value in run.params.items():
        tensors[f"params/{name}"] = value
        tensors[f"ema/{name}"] = means[name]
        if run.config.select_by != "last":
            tensors[f"best/{name}"] = run.best[name]
    for name, value in run.policies[0].named_buffers():
        tensors[f"buffers/{name}"] = value
    tensors |= moments_of(run.optimizer)
    record = {
        "settings": run.settings,
        "step": run.step,
        "best_value": run.best_value,
        "misses": run.misses,
    }
    commit(run.out, "training", record, tensors)


@torch.no_grad()
def load_state(run: Run) -> None:
    """Take up the run that lies in `run.out`, if there is one.

    Raises:
        CheckpointError: it is a run with other settings, or damaged.
    """
    if not (run.out / "training.json").exists():
        if (run.out / "policy.json").exists():
            raise CheckpointError(
                f"{run.out}: expected an empty folder or an unfinished training run, "
                "got a policy without its training state"
            )
        return
    record, tensors = read(run.out, "training")
    # A setting that the version of that run did not have yet counts as its default.
    settings = {**dataclasses.asdict(type(run.config)()), **recorded_settings(record)}
    defaults = dataclasses.asdict(type(run.policies[0].config)())
    settings["policy_config"] = {**defaults, **settings.get("policy_config", {})}
    if run.config.bf16 is None:  # as it was chosen when the run began
        run.bf16 = run.settings["bf16"] = bool(settings["bf16"])
    expect_settings(run.out, settings, run.settings)
    try:
        run.step = int(record["step"])
        run.best_value = list(record["best_value"])
        run.misses = list(record["misses"])
        means = run.ema
        for name, value in run.params.items():
            value.copy_(tensors[f"params/{name}"])
            means[name].copy_(tensors[f"ema/{name}"])
            run.best[name].copy_(tensors.get(f"best/{name}", run.best[name]))
        for name, value in run.policies[0].named_buffers():
            value.copy_(tensors[f"buffers/{name}"])
        restore_moments(run.optimizer, tensors)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{run.out}: expected the state of this training run, got another ({error})"
        ) from error


def recorded_settings(record: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a run's record; none where it is damaged."""
    settings = record.get("settings")
    return settings if isinstance(settings, dict) else {}


def expect_settings(out: Path, recorded: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Raise a CheckpointError where a run was begun with other settings than these."""
    for name, value in settings.items():
        # JSON has lists where a configuration has tuples.
        if _plain(recorded.get(name)) != _plain(value):
            raise CheckpointError(
                f"{out}: holds a training run with {name} {recorded.get(name)}, got {value}; "
                "choose another folder, or the same settings to go on"
            )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value
