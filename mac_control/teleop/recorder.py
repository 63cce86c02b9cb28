"""Recording of driven episodes; each format has a class of its own."""

from __future__ import annotations

import tempfile
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from mac_control.demonstrations.rate import rate_of_record
from mac_control.disk import writing
from mac_control.envs.abilities import subtasks_of
from mac_control.errors import DataError, DiskError, one_line
from mac_control.files import sweep, temporary_folder
from mac_control.layout import recorded_layout
from mac_control.teleop.guard import warn
from mac_control.teleop.step import Step
from mac_control.teleop.summary import EpisodeSummary


@dataclass(frozen=True)
class Driven:
    """A finished episode, ready to be written."""

    steps: Sequence[Step]
    success: bool
    failed: bool
    seed: int
    summary: EpisodeSummary

    def column(self, name: str, dtype: type = np.float32) -> np.ndarray:
        """One field of each step, `(T, ...)`."""
        found: np.ndarray = np.array([getattr(step, name) for step in self.steps], dtype)
        return found

    @property
    def actions(self) -> np.ndarray:
        """The actions to learn, `(T, D)`: given values, and elsewhere what was executed."""
        given, values, sent = (self.column(n) for n in ("given", "values", "action"))
        actions: np.ndarray = np.where(given > 0, values, sent)
        return actions

    @property
    def last(self) -> np.ndarray:
        """Mask of the last step, `(T,)`."""
        found: np.ndarray = np.arange(1, len(self.steps) + 1) == len(self.steps)
        return found


class EpisodeRecorder(ABC):
    """Writes each episode when it ends; a crash loses the running one at most.

    An episode that cannot be written, for example on a full disk, is kept and tried again until it
    is; `close` puts what is left into the system's folder for temporary files. Steps during
    an emergency stop are left out: there is nothing to learn from them.

    The actions to learn are the person's in the dimensions that they gave, and what was executed
    in the others: corrections, in the spirit of DAgger.

    Args:
        folder: folder of the recording; an existing one is continued.
        env: the environment that is driven.
        say: called once when writing fails, and when it works again; None prints it.
        retry: time between attempts [s].
        keep_all: record episodes in which nobody drove as well; `teleoperate` does not.
        keep_failed: record episodes that are thrown away as well, marked as failed.

    Raises:
        DataError: there is a file or a broken link at that path.
        DiskError: nothing can be written there.
    """

    def __init__(
        self,
        folder: Path,
        env: gymnasium.Env,
        *,
        say: Callable[[str], None] | None = None,
        retry: float = 5.0,
        keep_all: bool = True,
        keep_failed: bool = False,
    ) -> None:
        self.folder = folder
        self.target: str | Path = folder  # what `--data` reads
        self.keep_all, self.keep_failed = keep_all, keep_failed
        self.saved: list[EpisodeSummary] = []  # by this recorder, on disk
        self.lost = 0  # could not be written
        self.notify: Callable[[str], None] = lambda text: None  # called for each episode that ends
        self._tasks = len(subtasks_of(env))
        self._steps: list[Step] = []
        self._kept: list[bool] = []  # for each step of the episode: whether it is in `_steps`
        self._events: tuple[str, ...] = ()
        self._seed = self._number = 0
        self._say, self._retry = say or warn, retry
        self._waiting: deque[Driven] = deque()  # episodes that are not on disk yet
        self._trouble: Exception | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="recording")
        self._again: threading.Timer | None = None
        if folder.is_symlink() and not folder.exists():
            raise DataError(f"{folder}: expected a folder or nothing, got a link to nowhere")
        if folder.exists() and not folder.is_dir():
            raise DataError(f"{folder}: expected a folder or nothing, found a file")
        if folder.parent.is_dir():
            sweep(folder.parent)
        self.episodes = self._found()
        with writing(folder):  # fail now rather than after the first episode
            temporary_folder(folder).rmdir()

    @abstractmethod
    def _found(self) -> int:
        """Open what is in the folder; returns the number of episodes."""

    @abstractmethod
    def _write(self, episode: Driven, again: bool) -> None:
        """Write an episode to the folder; `again` where an earlier attempt failed."""

    @abstractmethod
    def _create(self, folder: Path, episodes: Sequence[Driven]) -> None:
        """Write episodes to a new folder."""

    def start(self, seed: int) -> None:
        """Begin an episode."""
        self._steps, self._kept, self._events, self._seed = [], [], (), seed
        self._number += 1

    def add(self, step: Step) -> None:
        """Add an executed step."""
        self._kept.append(not step.stopped)
        if step.stopped:
            self._events += step.events
            return
        if self._events:
            step, self._events = replace(step, events=self._events + step.events), ()
        self._steps.append(step)

    def undo(self, steps: int) -> None:
        """Remove the last `steps`, of which those during a stop were left out."""
        at = max(0, len(self._kept) - steps)
        gone = sum(self._kept[at:])
        del self._kept[at:]
        del self._steps[len(self._steps) - gone :]

    def finish(self, success: bool, failed: bool = False) -> None:
        """End the episode and write it, without holding up the driving."""
        steps, self._steps = self._steps, []
        if not steps:
            return
        if not (self.keep_all or any(step.given.any() for step in steps)):
            self.notify(f"Episode {self._number} not kept: nobody drove")
            return
        summary = EpisodeSummary.of(self._number, steps, self._tasks, failed)
        self._waiting.append(Driven(steps, success, failed, self._seed, summary))
        self._writer.submit(self._write_all)

    def discard(self) -> None:
        """Throw the episode away, or keep it as a failed one."""
        if self.keep_failed:
            self.finish(False, failed=True)
        else:
            self._steps = []
            self.notify(f"Episode {self._number} thrown away")

    def close(self) -> None:
        """Wait until everything is on disk.

        Raises:
            DiskError: it could not be written; the message says where else it is.
        """
        if self._again is not None:
            self._again.cancel()
        self._writer.submit(self._write_all)
        self._writer.shutdown(wait=True)
        if self._again is not None:
            self._again.cancel()
        if self._waiting:
            self.lost = len(self._waiting)
            raise self._rescue() from self._trouble

    def _write_all(self) -> None:
        while self._waiting:
            try:
                with writing(self.folder):
                    self._write(self._waiting[0], self._trouble is not None)
            except Exception as error:
                if self._trouble is None:
                    self._say(f"recording: {one_line(error)}; the episode is kept and tried again")
                self._trouble = error
                if self._again is not None:
                    self._again.cancel()
                self._again = threading.Timer(self._retry, self._try_again)
                self._again.daemon = True
                self._again.start()
                return
            episode = self._waiting.popleft()
            self.episodes += 1
            self.saved.append(episode.summary)
            marked = " as failed" if episode.failed else ""
            self.notify(f"Episode {episode.summary.number} saved{marked}: {episode.summary}")
        if self._trouble is not None:
            self._trouble = None
            self._say(f"recording: goes on, {self.episodes} episodes are in {self.folder}")

    def _try_again(self) -> None:
        with suppress(RuntimeError):  # closed in the meantime
            self._writer.submit(self._write_all)

    def _rescue(self) -> DiskError:
        """Write the episodes elsewhere; returns the error that says where."""
        many = len(self._waiting)
        count = f"{many} episode{'s' * (many != 1)} could not be written"
        elsewhere = Path(tempfile.mkdtemp(prefix="mac-control-")) / self.folder.name
        try:
            self._create(elsewhere, list(self._waiting))
        except Exception as error:
            return DiskError(f"{self.folder}: {count}, here nor elsewhere: {one_line(error)}")
        assert self._trouble is not None
        return DiskError(f"{self.folder}: {count}, they are in {elsewhere}: {self._trouble}")


def expect_alike(folder: Path, found: Any, mine: dict[str, Any]) -> None:
    """Raise a DataError where the record of a recording differs from that of what is driven.

    What either does not say is taken to be the same.
    """
    found = found if isinstance(found, dict) else {}
    layouts = [recorded_layout(record) for record in (found, mine)]
    if all(layouts) and layouts[0] != layouts[1]:
        raise DataError(f"{folder}: expected observations made of {layouts[1]}, got {layouts[0]}")
    have = _identity(found)
    for what, wanted in _identity(mine).items():
        if None not in (wanted, have[what]) and wanted != have[what]:
            raise DataError(
                f"{folder}: expected a recording of {what} {wanted}, as is driven now, "
                f"got {have[what]}; record into another folder"
            )


def _identity(record: dict[str, Any]) -> dict[str, Any]:
    """What must be the same throughout a recording; None where the record lacks it."""
    env, robot = (
        part if isinstance(part := record.get(key), dict) else {} for key in ("env", "robot")
    )
    dims = [[dim.get(key) for key in ("name", "low", "high")] for dim in robot.get("actions", ())]
    made = record.get("provenance")  # a LeRobotDataset has none, and a rate of its own
    return {
        "the environment": env.get("id"),
        "the dimensions": dims or None,
        "the subtasks": record.get("tasks") or None,
        "the rate": rate_of_record(made, robot.get("rate")) if isinstance(made, dict) else None,
    }
