"""What a training run leaves on disk besides policies: its state, and a log."""

from __future__ import annotations

import csv
import dataclasses
import io
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mac_control.checkpoint import commit, read
from mac_control.errors import CheckpointError
from mac_control.files import write_text

if TYPE_CHECKING:
    from mac_control.training.trainer import _Run


def save_state(run: _Run) -> None:
    """Write all that the rest of the run depends on."""
    tensors: dict[str, Tensor] = {}
    for name, value in run.params.items():
        tensors[f"params/{name}"] = value
        tensors[f"ema/{name}"] = run.ema[name]
        if run.config.keep != "last":
            tensors[f"best/{name}"] = run.best[name]
    for name, value in run.policies[0].named_buffers():
        tensors[f"buffers/{name}"] = value
    for index, moments in run.optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimizer/{index}/{name}"] = value
    record = {
        "settings": run.settings,
        "step": run.step,
        "best_value": run.best_value,
        "misses": run.misses,
    }
    commit(run.out, "training", record, tensors)


@torch.no_grad()
def load_state(run: _Run) -> None:
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
    settings = {**dataclasses.asdict(type(run.config)()), **record.get("settings", {})}
    defaults = dataclasses.asdict(type(run.policies[0].config)())
    settings["policy_config"] = {**defaults, **settings.get("policy_config", {})}
    for name, value in run.settings.items():
        # JSON has lists where a configuration has tuples.
        if _plain(settings.get(name)) != _plain(value):
            raise CheckpointError(
                f"{run.out}: holds a training run with {name} {settings.get(name)}, got {value}; "
                "choose another folder, or the same settings to go on"
            )
    run.step = record["step"]
    run.best_value = list(record["best_value"])
    run.misses = list(record["misses"])
    try:
        for name, value in run.params.items():
            value.copy_(tensors[f"params/{name}"])
            run.ema[name].copy_(tensors[f"ema/{name}"])
            run.best[name].copy_(tensors.get(f"best/{name}", run.best[name]))
        for name, value in run.policies[0].named_buffers():
            value.copy_(tensors[f"buffers/{name}"])
        whole = run.optimizer.state_dict()
        for key, value in tensors.items():
            if key.startswith("optimizer/"):
                _, index, name = key.split("/")
                whole["state"].setdefault(int(index), {})[name] = value
        run.optimizer.load_state_dict(whole)
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"{run.out}: expected the state of this training run, got another ({error})"
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


class Log:
    """A CSV table of a run, one row each time something is measured.

    Args:
        path: the file; rows beyond `step`, left by a run that was killed, are dropped.
        step: where the run goes on.
    """

    COLUMNS = ("step", "loss", "grad_norm", "lr", "validation", "score", "seconds")

    def __init__(self, path: Path, step: int) -> None:
        rows = []
        if step and path.exists():
            with open(path, newline="") as file:
                # A row that a kill or a full disk cut short has no last column.
                found = [r for r in csv.DictReader(file) if r.get(self.COLUMNS[-1])]
            rows = [r for r in found if _int(r.get("step")) in range(step + 1)]
        text = io.StringIO()
        writer = csv.DictWriter(text, self.COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        write_text(path, text.getvalue())
        self._before = float(rows[-1].get("seconds") or 0) if rows else 0.0
        self._start = time.monotonic()
        self._file = open(path, "a", newline="")  # noqa: SIM115 - open as long as the run
        self._writer = csv.DictWriter(self._file, self.COLUMNS)

    def write(self, step: int, row: dict[str, float]) -> None:
        """Add a row."""
        seconds = round(self._before + time.monotonic() - self._start, 2)
        self._writer.writerow({"step": step, "seconds": seconds, **row})
        self._file.flush()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()


def _int(text: str | None) -> int:
    return int(text) if text and text.isdigit() else -1
