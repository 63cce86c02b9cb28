"""Recording what was driven, as a Minari data set that is whole after every episode."""

from __future__ import annotations

import importlib
import os
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import numpy as np
from gymnasium.spaces import Box

from mac_control.demonstrations.minari_read import read_metadata
from mac_control.demonstrations.minari_write import room_for, target_folder, write_minari
from mac_control.envs import robot_of
from mac_control.envs.abilities import subtasks_of
from mac_control.errors import DataError, DiskError, one_line
from mac_control.files import expect_room, sweep, temporary_folder, write_json, writing
from mac_control.layout import recorded_layout
from mac_control.teleop.guard import warn
from mac_control.teleop.step import Step
from mac_control.teleop.summary import EpisodeSummary


class MinariRecorder:
    """Writes each episode when it ends; a crash loses the running one at most.

    An episode that cannot be written, on a full disk, say, is kept and tried again until it is
    there; `close` puts what is then left into a folder of the system for temporary files.

    What is to be learnt (`actions`) is what the person gave where they gave, and what was executed
    elsewhere: corrections, in the spirit of DAgger. `infos` hold, per step, `executed`, `given`,
    `values` (what was given, also where something else was executed), `filled` (what the policy
    answered), `intervention` (somebody gave), `events`, `limited` (which of the robot's limits were
    in the way) and, on the last step, `success`. Steps of an emergency stop are left out: nothing
    is to be learnt from them.

    Args:
        target: folder, or Minari id; a recording that is there is continued.
        env: the environment that is driven.
        about: what else should be known (policy, device); JSON values.
        say: told once when writing fails, and when it goes on; None prints it.
        retry: time between attempts [s].
        keep_all: record episodes in which nobody drove as well; `teleoperate` does not.

    Raises:
        DataError: `target` holds a data set of other sizes, or something that is none.
        DiskError: nothing can be written where it lies.
    """

    def __init__(
        self,
        target: str | Path,
        env: gymnasium.Env,
        about: dict[str, Any] | None = None,
        *,
        say: Callable[[str], None] | None = None,
        retry: float = 5.0,
        keep_all: bool = True,
    ) -> None:
        # Now, not when the first episode ends: that would hold up the robot for half a second.
        importlib.import_module("minari.data_collector.episode_buffer")
        importlib.import_module("minari.dataset.minari_storage")
        self.folder, _ = target_folder(target)
        self.target = target
        action_space = env.action_space
        self._spaces = (
            Box(-np.inf, np.inf, env.observation_space.shape, np.float32),
            Box(action_space.low.astype(np.float32), action_space.high.astype(np.float32)),
        )
        self._spec = _writable(env)
        self._metadata = {
            "mac_control": {
                "tasks": list(subtasks_of(env)),
                "robot": robot_of(env).to_json(),
                "env": (about or {}).get("env"),
                "provenance": {"source": "teleoperation", **(about or {})},
            }
        }
        self._steps: list[Step] = []
        self._events: tuple[str, ...] = ()
        self._seed = self._number = 0
        self.keep_all = keep_all
        self.saved: list[EpisodeSummary] = []  # by this recorder, on disk
        self.notify: Callable[[str], None] = lambda text: None  # told of each episode that ends
        self._say, self._retry = say or warn, retry
        self._waiting: deque[Any] = deque()  # episodes that are not on disk yet
        self._ended: deque[EpisodeSummary] = deque()  # of those episodes
        self._trouble: Exception | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="recording")
        self._again: threading.Timer | None = None
        self.episodes = self._found()
        with writing(self.folder):  # better now than after the first episode
            temporary_folder(self.folder).rmdir()

    def start(self, seed: int) -> None:
        """An episode begins."""
        self._steps, self._events, self._seed = [], (), seed
        self._number += 1

    def add(self, step: Step) -> None:
        """A step was executed."""
        if step.stopped:
            self._events += step.events
            return
        if self._events:
            step, self._events = replace(step, events=self._events + step.events), ()
        self._steps.append(step)

    def undo(self, steps: int) -> None:
        """The last `steps` did not happen."""
        del self._steps[max(0, len(self._steps) - steps) :]

    def finish(self, success: bool) -> None:
        """The episode is over: put it on disk, beside the driving."""
        steps, self._steps = self._steps, []
        if self.keep_all or any(step.given.any() for step in steps):
            if steps:
                total = len(self._metadata["mac_control"]["tasks"])
                self._ended.append(EpisodeSummary.of(self._number, steps, total))
                self._waiting.append(_buffer(steps, success, self._seed))
                self._writer.submit(self._write_all)
        elif steps:
            self.notify(f"Episode {self._number} not kept: nobody drove")

    def discard(self) -> None:
        """The episode is not wanted."""
        self._steps = []

    def close(self) -> None:
        """Wait until everything is on disk.

        Raises:
            DiskError: it could not be written; says where else it lies.
        """
        if self._again is not None:
            self._again.cancel()
        self._writer.submit(self._write_all)
        self._writer.shutdown(wait=True)
        if self._again is not None:
            self._again.cancel()
        if self._waiting:
            raise self._rescue() from self._trouble

    def _write_all(self) -> None:
        while self._waiting:
            try:
                with writing(self.folder):
                    self._write(self._waiting[0])
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
            self._waiting.popleft()
            self.episodes += 1
            self.saved.append(summary := self._ended.popleft())
            self.notify(f"Episode {summary.number} saved: {summary}")
        if self._trouble is not None:
            self._trouble = None
            self._say(f"recording: goes on, {self.episodes} episodes are in {self.folder}")

    def _try_again(self) -> None:
        with suppress(RuntimeError):  # closed meanwhile
            self._writer.submit(self._write_all)

    def _write(self, buffer: Any) -> None:
        if not self.folder.exists():
            self._create(self.target, [buffer])
        # After trouble it may be there, and only not be counted.
        elif self._trouble is None or recount(self.folder) == self.episodes:
            append_episode(self.folder, buffer)

    def _create(self, target: str | Path, buffers: list[Any]) -> None:
        write_minari(target, buffers, *self._spaces, metadata=self._metadata, env_spec=self._spec)

    def _rescue(self) -> DiskError:
        """Put the episodes elsewhere; the sentence that says so."""
        count = f"{len(self._waiting)} episodes could not be written"
        elsewhere = Path(tempfile.mkdtemp(prefix="mac-control-")) / self.folder.name
        try:
            self._create(elsewhere, list(self._waiting))
        except Exception as error:
            return DiskError(f"{self.folder}: {count}, here nor elsewhere: {one_line(error)}")
        assert self._trouble is not None
        return DiskError(f"{self.folder}: {count}, they are in {elsewhere}: {self._trouble}")

    def _found(self) -> int:
        if self.folder.parent.is_dir():
            sweep(self.folder.parent)
        if not self.folder.exists():
            return 0
        from minari.dataset.minari_storage import MinariStorage

        try:
            storage = MinariStorage.read(self.folder / "data")
            count = recount(self.folder)
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{self.folder}: expected a recording, got {error}") from error
        ours = read_metadata(self.folder).get("mac_control")
        layouts = [recorded_layout(record) for record in (ours, self._metadata["mac_control"])]
        if all(layouts) and layouts[0] != layouts[1]:
            raise DataError(
                f"{self.folder}: expected observations made of {layouts[1]}, got {layouts[0]}"
            )
        found = storage.observation_space.shape, storage.action_space.shape
        expected = tuple(space.shape for space in self._spaces)
        if found != expected:
            raise DataError(f"{self.folder}: expected shapes {expected}, got {found}")
        return count


def _writable(env: gymnasium.Env) -> Any:
    """The specification of an environment: without its wrappers, where JSON cannot hold those."""
    try:
        if env.spec is not None:
            env.spec.to_json()
        return env.spec
    except (TypeError, ValueError):
        return env.unwrapped.spec


def append_episode(folder: Path, buffer: Any) -> None:
    """Add an episode to a data set that is valid before, after and at any moment between."""
    from minari.dataset.minari_storage import MinariStorage

    have = sum(path.stat().st_size for path in (folder / "data").iterdir())
    expect_room(folder, have + room_for(buffer))
    temporary = temporary_folder(folder)
    try:
        data = temporary / "data"
        shutil.copytree(folder / "data", data)
        MinariStorage.read(data).update_episodes([buffer])
        # The numbers first: metadata that count one episode too few still describe the file.
        files = sorted(data.iterdir(), key=lambda p: p.name == "metadata.json")
        for path in files:
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
        for path in files:
            os.replace(path, folder / "data" / path.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def recount(folder: Path) -> int:
    """Count an episode that was written when a kill came before it was counted; how many."""
    with h5py.File(folder / "data" / "main_data.hdf5", "r") as file:
        steps = [int(episode.attrs["total_steps"]) for episode in file.values()]
    metadata = read_metadata(folder)
    if metadata.get("total_episodes") != len(steps):
        counts = {"total_episodes": len(steps), "total_steps": sum(steps)}
        write_json(folder / "data" / "metadata.json", metadata | counts)
    return len(steps)


def _buffer(steps: list[Step], success: bool, seed: int) -> Any:
    from minari.data_collector.episode_buffer import EpisodeBuffer

    def column(name: str, dtype: type = np.float32) -> np.ndarray:
        return np.array([getattr(step, name) for step in steps], dtype)

    given, executed = column("given", bool), column("action")
    done = np.arange(1, len(steps) + 1) == len(steps)
    ended = column("terminated", bool) | (done & success)
    return EpisodeBuffer(
        seed=seed,
        observations=np.concatenate([column("obs"), np.float32([steps[-1].next_obs])]),
        actions=np.where(given, column("values"), executed),
        rewards=column("reward"),
        terminations=ended,
        truncations=done & ~ended,
        infos={
            "executed": executed,
            "given": given,
            "values": column("values"),
            "filled": column("filled"),
            "intervention": given.any(axis=1),
            "success": done & success,
            "events": [" ".join(step.events) for step in steps],
            "limited": ["; ".join(step.limited) for step in steps],
        },
    )
