"""Recording as a Minari data set that is complete after every episode."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import numpy as np
from gymnasium.spaces import Box

from mac_control.demonstrations.lerobot.meta import is_lerobot
from mac_control.demonstrations.minari_read import read_metadata
from mac_control.demonstrations.minari_write import room_for, target_folder, write_minari
from mac_control.disk import expect_room
from mac_control.envs import robot_of
from mac_control.envs.abilities import subtasks_of
from mac_control.errors import DataError, one_line
from mac_control.files import locked, locked_or_new, temporary_folder, write_json
from mac_control.teleop.recorder import Driven, EpisodeRecorder, expect_alike


class MinariRecorder(EpisodeRecorder):
    """Records into a Minari data set.

    `infos` hold, per step, `executed`, `given`, `values` (what was given, even where something else
    was executed), `filled` (the policy's answer), `intervention` (something was given), `events`,
    `limited` (which of the robot's limits applied), `failed`, and, on the last step,
    `success`.

    Args:
        target: folder, or Minari id.
        env: the environment that is driven.
        about: further metadata (policy, device); JSON values.
        options: of `EpisodeRecorder`.

    Raises:
        DataError: `target` holds a data set of different sizes or of another robot, or something
            else.
        DiskError: nothing can be written there.
    """

    def __init__(
        self,
        target: str | Path,
        env: gymnasium.Env,
        about: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        # Imported now: when the first episode ends it would hold up the robot for half a second.
        importlib.import_module("minari.data_collector.episode_buffer")
        importlib.import_module("minari.dataset.minari_storage")
        action_space = env.action_space
        assert isinstance(action_space, Box)  # checked by the loop
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
        self._half_done = False  # whether an episode is written, but its number is not
        super().__init__(target_folder(target)[0], env, **options)
        self.target = target  # an id stays one

    def _write(self, episode: Driven, again: bool) -> None:
        with locked_or_new(self.folder, "data/metadata.json"):
            if not self.folder.exists():
                self._create(self.folder, [episode])
                return
            before = recount(self.folder)
            if not self._half_done:
                try:
                    append_episode(self.folder, _buffer(episode))
                except BaseException:
                    self._half_done = len(_lengths(self.folder)) > before
                    raise
            self._half_done = False

    def _create(self, folder: Path, episodes: Sequence[Driven]) -> None:
        target = self.target if folder == self.folder else folder
        buffers = map(_buffer, episodes)
        write_minari(target, buffers, *self._spaces, metadata=self._metadata, env_spec=self._spec)

    def _found(self) -> int:
        if not self.folder.exists():
            return 0
        if is_lerobot(self.folder):
            raise DataError(
                f"{self.folder}: expected a Minari data set, got a LeRobotDataset; go on with "
                "--record-as lerobot, or record into another folder"
            )
        from minari.dataset.minari_storage import MinariStorage

        try:
            storage = MinariStorage.read(self.folder / "data")
            with locked(self.folder):
                count = recount(self.folder)
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{self.folder}: expected a recording to add to, got {one_line(error)}; "
                "record into another folder"
            ) from error
        ours = read_metadata(self.folder).get("mac_control")
        expect_alike(self.folder, ours, self._metadata["mac_control"])
        found = storage.observation_space.shape, storage.action_space.shape
        expected = tuple(space.shape for space in self._spaces)
        if found != expected:
            raise DataError(
                f"{self.folder}: expected a recording with observations {expected[0]} and actions "
                f"{expected[1]}, as this robot has, got {found[0]} and {found[1]}; record into "
                "another folder"
            )
        return count


def _writable(env: gymnasium.Env) -> Any:
    """The specification of an environment, without its wrappers if JSON cannot hold them."""
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
        write_json(data / "metadata.json", _grown(read_metadata(temporary)))
        # Arrays first: metadata that count one episode too few still describe the file.
        files = sorted(data.iterdir(), key=lambda p: p.name == "metadata.json")
        for path in files:
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
        for path in files:
            os.replace(path, folder / "data" / path.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def recount(folder: Path) -> int:
    """Count an episode that was written before a kill but not counted; returns the number."""
    steps = _lengths(folder)
    metadata = read_metadata(folder)
    if metadata.get("total_episodes") != len(steps):
        counts = {"total_episodes": len(steps), "total_steps": sum(steps)}
        write_json(folder / "data" / "metadata.json", _grown(metadata) | counts)
    return len(steps)


def _grown(metadata: dict[str, Any]) -> dict[str, Any]:
    """Metadata that no longer call the data the arrays of one HDF5 file."""
    own = metadata.get("mac_control")
    if not isinstance(own, dict):
        return metadata
    return metadata | {"mac_control": {k: v for k, v in own.items() if k != "d4rl"}}


def _lengths(folder: Path) -> list[int]:
    with h5py.File(folder / "data" / "main_data.hdf5", "r") as file:
        return [int(episode.attrs["total_steps"]) for episode in file.values()]


def _buffer(episode: Driven) -> Any:
    from minari.data_collector.episode_buffer import EpisodeBuffer

    steps, last = episode.steps, episode.last
    ended = episode.column("terminated", bool) | (last & episode.success)
    given = episode.column("given", bool)
    return EpisodeBuffer(
        seed=episode.seed,
        observations=np.concatenate([episode.column("obs"), np.float32([steps[-1].next_obs])]),
        actions=episode.actions,
        rewards=episode.column("reward"),
        terminations=ended,
        truncations=last & ~ended,
        infos={
            "executed": episode.column("action"),
            "given": given,
            "values": episode.column("values"),
            "filled": episode.column("filled"),
            "intervention": given.any(axis=1),
            "success": last & episode.success,
            "failed": np.full(len(steps), episode.failed),
            "events": [" ".join(step.events) for step in steps],
            "limited": ["; ".join(step.limited) for step in steps],
        },
    )
