"""The state of a training run on disk: all that is needed to resume it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mac_control.checkpoint import commit, read
from mac_control.errors import CheckpointError
from mac_control.training.arithmetic import has_bf16
from mac_control.training.optimizer import moments_of, restore_moments

if TYPE_CHECKING:
    from mac_control.training.run import Run


def save_state(run: Run) -> None:
    """Write all that is needed to resume the run."""
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
    """Resume the run in `run.out`, if there is one.

    Raises:
        CheckpointError: that run has other settings, or is damaged.
    """
    if not (run.out / "training.json").exists():
        _expect_no_policy(run)
        return
    record, tensors = read(run.out, "training")
    # A setting that did not exist yet in the version of that run counts as its default; one that
    # was not recorded yet counts as equal.
    unknown = {name: run.settings[name] for name in ("robot", "score", "subtasks")}
    settings = {**dataclasses.asdict(type(run.config)()), **unknown, **recorded_settings(record)}
    defaults = dataclasses.asdict(type(run.policies[0].config)())
    settings["policy_config"] = {**defaults, **settings.get("policy_config", {})}
    if run.config.bf16 is None:  # as chosen when the run began
        run.bf16 = run.settings["bf16"] = bool(settings["bf16"])
        if run.bf16 and not has_bf16(run.config.device):
            raise CheckpointError(
                f"{run.out}: expected a machine with bfloat16, in which this run began, got none; "
                "go on there, or choose another folder (--out)"
            )
    expect_settings(run.out, _wherever_taught(settings), _wherever_taught(run.settings))
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


def _wherever_taught(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without the place of a teacher whose weights they state: it may have moved."""
    config = dict(settings["policy_config"])
    if config.get("teacher_weights"):
        config.pop("teacher", None)
    return {**settings, "policy_config": config}


def expect_settings(out: Path, recorded: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Raise a CheckpointError where a run was started with other settings."""
    for name, value in settings.items():
        # JSON has lists where a configuration has tuples.
        pair = _plain(recorded.get(name)), _plain(value)
        if pair[0] != pair[1]:
            where, before, now = _first_difference(name, *pair)
            if where == "data" and before and now:  # two checksums
                before, now = "of another content", "these"
            raise CheckpointError(
                f"{out}: holds a training run with {where} {before!s:.200}, got {now!s:.200}; "
                "choose another folder, or the same settings to go on"
            )


def _expect_no_policy(run: Run) -> None:
    """Raise a CheckpointError where a run would overwrite the policies of another."""
    for folder in run.folders:
        if not (folder / "policy.json").exists():
            continue
        got, way = "a policy without its training state", ""
        if folder != run.out:
            got, way = "a policy that was trained by itself", "add --workers 1 to go on, or "
        elif folder.name.startswith("seed-") and (folder.parent / "training.json").exists():
            got, way = "one that was trained beside others", "leave --workers out to go on, or "
        raise CheckpointError(
            f"{folder}: expected an empty folder or an unfinished training run, got {got}; {way}"
            "choose another folder (--out)"
        )


def _first_difference(name: str, before: Any, now: Any) -> tuple[str, Any, Any]:
    """The name and both values of the first difference in nested settings."""
    pair = before, now
    if all(isinstance(each, list) for each in pair) and len(before) == len(now):
        pair = dict(enumerate(before)), dict(enumerate(now))
    if all(isinstance(each, dict) for each in pair):
        for key in {**pair[0], **pair[1]}:
            inner = [each.get(key) for each in pair]
            if inner[0] != inner[1]:
                return _first_difference(f"{name}.{key}", *inner)
    return name, before, now


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value
