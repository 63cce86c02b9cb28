"""Recording what was driven, as a Minari data set that is whole after every episode."""

from __future__ import annotations

import importlib
import os
import shutil
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import numpy as np
from gymnasium.spaces import Box

from mac_control.demonstrations.minari_read import read_metadata
from mac_control.demonstrations.minari_write import target_folder, write_minari
from mac_control.errors import DataError
from mac_control.files import sweep, temporary_folder, write_json
from mac_control.teleop.loop import Step


class MinariRecorder:
    """Writes each episode when it ends; a crash loses the running one at most.

    What is to be learnt (`actions`) is what the person gave where they gave, and what was executed
    elsewhere: corrections, in the spirit of DAgger. `infos` hold, per step, `executed`, `given`,
    `values` (what was given), `filled` (what the policy answered), `intervention` (somebody
    gave), `events` and, on the last step, `success`. Steps of an emergency stop are left out:
    nothing is to be learnt from them.

    Args:
        target: folder, or Minari id; a recording that is there is continued.
        env: the environment that is driven.
        about: what else should be known (policy, device); JSON values.

    Raises:
        DataError: `target` holds a data set of other sizes, or something that is none.
    """

    def __init__(
        self, target: str | Path, env: gymnasium.Env, about: dict[str, Any] | None = None
    ) -> None:
        # Now, not when the first episode ends: that would hold up the robot for half a second.
        importlib.import_module("minari.data_collector.episode_buffer")
        importlib.import_module("minari.dataset.minari_storage")
        self.folder, _ = target_folder(target)
        self._target = target
        action_space = env.action_space
        self._spaces = (
            Box(-np.inf, np.inf, env.observation_space.shape, np.float32),
            Box(action_space.low.astype(np.float32), action_space.high.astype(np.float32)),
        )
        self._spec = env.spec
        self._metadata = {
            "mac_control": {
                "tasks": list(getattr(env.unwrapped, "tasks", ())),
                "provenance": {"source": "teleoperation", **(about or {})},
            }
        }
        self._steps: list[Step] = []
        self._events: tuple[str, ...] = ()
        self._seed = 0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="recording")
        self._writing: list[Future[None]] = []
        self._lock = threading.Lock()
        self.episodes = self._found()

    def start(self, seed: int) -> None:
        """An episode begins."""
        self._steps, self._events, self._seed = [], (), seed

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
        self.check()
        if self._steps:
            buffer = _buffer(self._steps, success, self._seed)
            self._writing.append(self._writer.submit(self._write, buffer))
        self._steps = []

    def discard(self) -> None:
        """The episode is not wanted."""
        self._steps = []

    def check(self) -> None:
        """Raise what went wrong with writing, such as a full disk."""
        for future in [f for f in self._writing if f.done()]:
            self._writing.remove(future)
            future.result()

    def close(self) -> None:
        """Wait until everything is on disk."""
        self._writer.shutdown(wait=True)
        self.check()

    def _write(self, buffer: Any) -> None:
        if self.folder.exists():
            append_episode(self.folder, buffer)
        else:
            write_minari(
                self._target,
                [buffer],
                *self._spaces,
                metadata=self._metadata,
                env_spec=self._spec,
            )
        with self._lock:
            self.episodes += 1

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
        found = storage.observation_space.shape, storage.action_space.shape
        expected = tuple(space.shape for space in self._spaces)
        if found != expected:
            raise DataError(f"{self.folder}: expected shapes {expected}, got {found}")
        return count


def append_episode(folder: Path, buffer: Any) -> None:
    """Add an episode to a data set that is valid before, after and at any moment between."""
    from minari.dataset.minari_storage import MinariStorage

    temporary = temporary_folder(folder)
    try:
        data = temporary / "data"
        shutil.copytree(folder / "data", data)
        MinariStorage.read(data).update_episodes([buffer])
        # The numbers first: metadata that count one episode too few still describe the file.
        for path in sorted(data.iterdir(), key=lambda p: p.name == "metadata.json"):
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
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
        },
    )
