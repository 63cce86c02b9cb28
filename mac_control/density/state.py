"""The state of a training run on disk: all that is needed to resume it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from mac_control.checkpoint import commit, read
from mac_control.errors import CheckpointError
from mac_control.training.optimizer import moments_of, restore_moments
from mac_control.training.state import expect_settings, recorded_settings

if TYPE_CHECKING:
    from mac_control.density.trainer import Run


def save_state(run: Run) -> None:
    """Write weights, averages, moments and the step."""
    tensors = {}
    for name, value in run.params.items():
        tensors[f"params/{name}"] = value.detach()
        tensors[f"ema/{name}"] = run.ema.network.get_parameter(name).detach()
        tensors[f"best/{name}"] = run.best[name]
    tensors |= moments_of(run.optimizer)
    best = run.best_value if math.isfinite(run.best_value) else None
    record = {"settings": run.settings, "step": run.step, "cpu": run.cpu, "best": best}
    commit(run.out, "training", record, tensors)


@torch.no_grad()
def load_state(run: Run) -> None:
    """Resume the run in `run.out`, if there is one.

    Raises:
        CheckpointError: that run has other settings, or is damaged.
    """
    if not (run.out / "training.json").exists():
        if (run.out / "density.json").exists() or (run.out / "policy.json").exists():
            raise CheckpointError(
                f"{run.out}: expected an empty folder or an unfinished run, got a model without "
                "its training state"
            )
        return
    record, tensors = read(run.out, "training")
    expect_settings(run.out, recorded_settings(record), run.settings)
    try:
        run.step, run.cpu = int(record["step"]), float(record["cpu"])
        run.best_value = math.inf if record["best"] is None else float(record["best"])
        for name, parameter in run.params.items():
            parameter.copy_(tensors[f"params/{name}"])
            run.ema.network.get_parameter(name).copy_(tensors[f"ema/{name}"])
            run.best[name].copy_(tensors[f"best/{name}"])
        restore_moments(run.optimizer, tensors)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{run.out}: expected the state of this training run, got another ({error})"
        ) from error
