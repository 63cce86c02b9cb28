"""Recording as a LeRobotDataset v3.0 that is complete after every episode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from mac_control.demonstrations.episode import Episode
from mac_control.demonstrations.lerobot.meta import own_record
from mac_control.demonstrations.lerobot.parquet import pyarrow
from mac_control.demonstrations.lerobot.spec import FILLED, SUCCESS, LeRobotSpec
from mac_control.demonstrations.lerobot.write import LeRobotWriter
from mac_control.envs import robot_of
from mac_control.envs.abilities import subtasks_of
from mac_control.files import user_path
from mac_control.teleop.recorder import Driven, EpisodeRecorder, expect_alike


class LeRobotRecorder(EpisodeRecorder):
    """Records into a LeRobotDataset, which LeRobot's own tools open after each episode.

    `action` is what is to be learnt; `complementary_info.executed`, `.given`, `.is_intervention`,
    `.filled` (the policy's answer) and `.failed`, and `next.success`, record how it was driven.

    Args:
        folder: folder of the data set.
        env: the environment that is driven.
        about: further metadata (policy, device); JSON values.
        task: what the robot does, in words.
        rate: control rate [Hz]; None: the robot's.
        options: of `EpisodeRecorder`.

    Raises:
        DataError: `folder` holds a data set of different features or of another robot, or
            something else.
        DiskError: nothing can be written there.
        InputError: the control rate is unknown.
    """

    def __init__(
        self,
        folder: str | Path,
        env: gymnasium.Env,
        about: dict[str, Any] | None = None,
        *,
        task: str | None = None,
        rate: float | None = None,
        **options: Any,
    ) -> None:
        pyarrow()  # imported now, not when the first episode ends
        self.task = task
        (obs_dim,) = env.observation_space.shape or (0,)
        own = {
            "tasks": list(subtasks_of(env)),
            "env": (about or {}).get("env"),
            "origin": {"source": "teleoperation", **(about or {})},
            "subtasks": False,
        }
        flags = dict.fromkeys(("given", "rewards", "failed", "driven"), True)
        self._spec = LeRobotSpec.of_robot(robot_of(env), obs_dim, rate, own=own, **flags)
        self._open: LeRobotWriter | None = None
        super().__init__(user_path(folder), env, **options)

    def _found(self) -> int:
        self._open = LeRobotWriter(self.folder, self._spec)
        expect_alike(self.folder, own_record(self.folder), self._spec.own)
        return self._open.episodes

    def _write(self, episode: Driven, again: bool) -> None:
        assert self._open is not None
        if again:  # repairs what a failed attempt left
            self._open.reopen()
        if self._open.added == len(self.saved):  # otherwise it is written, but was not counted
            self._add(self._open, episode)

    def _create(self, folder: Path, episodes: Sequence[Driven]) -> None:
        with LeRobotWriter(folder, self._spec) as writer:
            for episode in episodes:
                self._add(writer, episode)

    def _add(self, writer: LeRobotWriter, episode: Driven) -> None:
        made = Episode(
            episode.column("obs"),
            episode.actions,
            executed=episode.column("action"),
            rewards=episode.column("reward"),
            given=episode.column("given", bool),
            failed=episode.failed,
        )
        success = (episode.last & episode.success)[:, None]
        filled = episode.column("filled").astype(np.float32)
        writer.add(made, self.task, {FILLED: filled, SUCCESS: success})
