"""The curves of a run: a CSV table, TensorBoard's event files, Weights & Biases."""

from __future__ import annotations

import csv
import hashlib
import io
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from mac_control.disk import writing
from mac_control.errors import InputError
from mac_control.files import write_text


class Log:
    """Writes a run's measurements, row by row, to `log.csv` and TensorBoard's event files.

    Args:
        folder: folder of these files; `tensorboard --logdir` shows it, or a folder of such folders.
        step: step at which the run resumes; later rows, left by a killed run, are dropped.
        project: Weights & Biases project to send the curves to as well; None: nowhere.
        settings: settings of the run, shown beside the curves there.
    """

    COLUMNS: tuple[str, ...] = ("step", "loss", "grad_norm", "lr", "validation", "score", "seconds")

    def __init__(
        self,
        folder: Path,
        step: int,
        project: str | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        path, rows = folder / "log.csv", []
        self._wandb = _wandb(folder, project, settings or {}) if project else None
        if step and path.exists():
            with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
                text = file.read().replace("\0", "")  # a damaged table must not stop a run
            # A row cut short by a kill or a full disk has no last column.
            found = [r for r in csv.DictReader(io.StringIO(text)) if r.get(self.COLUMNS[-1])]
            rows = [r for r in found if _int(r.get("step")) in range(step + 1)]
        table = io.StringIO()
        writer = csv.DictWriter(table, self.COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        write_text(path, table.getvalue())
        self._before = _seconds(rows[-1]) if rows else 0.0
        self._start = time.monotonic()
        with ExitStack() as opened:  # open as long as the run lasts
            self._file = opened.enter_context(open(path, "a", newline=""))
            self._writer = csv.DictWriter(self._file, self.COLUMNS)
            opened.enter_context(_quiet_threads())
            opened.enter_context(writing(folder))
            self._events = _event_writer(folder, step)
            if self._events:
                opened.callback(self._events.close)
            self._opened = opened.pop_all()

    def write(self, step: int, row: dict[str, float]) -> None:
        """Add a row."""
        seconds = round(self._before + time.monotonic() - self._start, 2)
        with writing(self._file.name):
            self._writer.writerow({"step": step, "seconds": seconds, **row})
            self._file.flush()
            if self._events:
                for name, value in row.items():
                    self._events.add_scalar(name, value, step)
        if self._wandb:
            self._wandb.log(row, step=step)

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._opened.close()
        finally:
            if self._wandb:
                self._wandb.finish()


@contextmanager
def _quiet_threads() -> Iterator[None]:
    """Silence TensorBoard threads that cannot write: the next row raises the error anyway."""
    before = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        theirs = type(args.thread).__module__.startswith("tensorboard.")
        if not (theirs and isinstance(args.exc_value, OSError)):
            before(args)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


def _event_writer(folder: Path, step: int) -> Any:
    """TensorBoard's writer, where it is installed (extra `[tensorboard]`)."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # slow to import
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)


def _wandb(folder: Path, project: str, settings: dict[str, Any]) -> Any:
    try:
        import wandb
    except ImportError as error:
        raise InputError(
            "wandb: expected the package wandb, which is not installed; "
            "pip install 'mac-control[wandb]', or leave the option out"
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    # A resumed run is the same run there.
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    options = {"id": name, "resume": "allow", "name": folder.name, "config": settings}
    return wandb.init(project=project, dir=str(folder), **options)


def _seconds(row: dict[str, Any]) -> float:
    try:
        return float(row["seconds"])
    except (KeyError, TypeError, ValueError):
        return 0.0


def _int(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else -1
