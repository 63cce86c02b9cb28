"""Writes LeRobotDatasets v3.0 without lerobot, complete after every episode."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from mac_control.demonstrations.episode import Episode
from mac_control.demonstrations.lerobot.found import counted, listed_tasks, read_row
from mac_control.demonstrations.lerobot.meta import OWN, TASK
from mac_control.demonstrations.lerobot.parquet import pyarrow, read_table
from mac_control.demonstrations.lerobot.read import INTERVENTION
from mac_control.demonstrations.lerobot.spec import (
    DATA,
    EPISODES,
    EXECUTED,
    FAILED,
    FILE_MB,
    GIVEN,
    REWARD,
    LeRobotSpec,
    arrow,
    episode_table,
    episodes_of,
    place_of,
    task_table,
)
from mac_control.demonstrations.lerobot.stats import (
    Stats,
    episode_stats,
    merged,
    to_json,
)
from mac_control.disk import expect_room
from mac_control.errors import DataError
from mac_control.files import atomic_files, atomic_folder, locked_or_new, user_path, write_json

_INFO, _STATS, _TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"


class LeRobotWriter:
    """Writes episodes one by one; after each of them `folder` is a complete data set.

    An existing data set is continued; what a killed process left half done is repaired. Each
    episode has files of its own, so that adding one does not get slower. Several processes may
    write into one folder: each episode follows all that are there.

    Args:
        folder: folder of the data set.
        spec: what it contains.
        whole: put many episodes into a file; `finish` then completes the data set. For a new
            folder that is not read before that.

    Raises:
        DataError: `folder` holds a data set with other features, or something else.

    Example:
        >>> import tempfile
        >>> spec = LeRobotSpec(("x", "y"), ("push",), fps=10.0)
        >>> folder = Path(tempfile.mkdtemp()) / "pushes"
        >>> with LeRobotWriter(folder, spec) as writer:
        ...     writer.add(Episode(np.zeros((5, 2)), np.zeros((5, 1))), task="push it")
        >>> from mac_control import load_demonstrations
        >>> len(load_demonstrations(folder))
        1
    """

    def __init__(self, folder: str | Path, spec: LeRobotSpec, *, whole: bool = False) -> None:
        self.folder, self.spec = user_path(folder), spec
        self.features = json.loads(json.dumps(spec.features()))
        self.episodes = self.frames = 0
        self.added = 0  # of these episodes, by this writer
        self._tasks: list[str] = []
        self._stats: Stats | None = None
        self._next_file = 0
        self._whole = whole
        self._open: Any = None  # the data file being filled
        self._open_mb = 0.0
        self._rows: list[dict[str, Any]] = []  # rows of episodes, not written yet
        if (self.folder / _INFO).exists():
            self.reopen()
        elif odd := next((path for path in self.folder.rglob("*") if path.is_file()), None):
            raise DataError(f"{self.folder}: expected a LeRobotDataset, got {odd.name}")

    def __enter__(self) -> LeRobotWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close_file()

    def add(
        self,
        episode: Episode,
        task: str | None = None,
        more: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Write an episode; the task of a frame is its subtask, else `task`.

        `more` are columns `(T, size)` of other features that the spec names.

        Raises:
            DataError: an episode of other sizes.
            DiskError: no room on the disk; the folder is left as it was.
        """
        sizes = len(self.spec.obs_names), len(self.spec.action_names)
        got = episode.observations.shape[1], episode.actions.shape[1]
        if got != sizes:
            raise DataError(f"episode: expected {sizes[0]} and {sizes[1]} numbers, got {got}")
        with self._alone():
            self._add(episode, task, more or {})

    def _add(self, episode: Episode, task: str | None, more: Mapping[str, np.ndarray]) -> None:
        columns, texts = self._columns(episode, task)
        columns |= more
        if set(columns) != set(self.features):
            odd = sorted(set(columns) ^ set(self.features))
            raise DataError(f"episode: expected the features of the spec, but for {odd}")
        stats = episode_stats(columns)
        expect_room(self.folder, 1 << 20)
        place = place_of(self._next_file)
        row: dict[str, Any] = {
            "episode_index": self.episodes,
            "tasks": texts,
            "length": len(episode),
            **{f"data/{key}": value for key, value in place.items()},
            "dataset_from_index": self.frames,
            "dataset_to_index": self.frames + len(episode),
        }
        for name, each in stats.items():
            row |= {f"stats/{name}/{key}": value.tolist() for key, value in each.items()}
        known = list(self._tasks)
        total = merged(self._stats, stats)
        self._tasks += [text for text in texts if text not in known]
        try:
            self._put(columns, row, place, total)
        except BaseException:
            self._tasks = known
            if not self._whole and (self.folder / EPISODES.format(**place)).exists():
                self.added += 1  # it is there, although not counted yet
            raise
        self._stats = total
        self.episodes, self.frames = self.episodes + 1, self.frames + len(episode)
        self.added += 1

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes out, and count what they have added."""
        if self._whole:
            yield
            return
        with locked_or_new(self.folder, _INFO):
            if self.episodes:
                self._catch_up()
            elif (self.folder / _INFO).exists():
                self._continue()
            yield

    def _columns(
        self, episode: Episode, task: str | None
    ) -> tuple[dict[str, np.ndarray], list[str]]:
        steps, spec = len(episode), self.spec
        named = episode.subtasks
        frames = [task or TASK] * steps if named is None else [str(n) or TASK for n in named]
        texts = list(dict.fromkeys(frames))
        known = [*self._tasks, *(text for text in texts if text not in self._tasks)]
        place = {text: i for i, text in enumerate(known)}
        number = np.arange(steps)
        columns = {"action": episode.actions, "observation.state": episode.observations}
        if spec.given:
            given = np.array(episode.given)
            columns[EXECUTED], columns[GIVEN] = np.asarray(episode.executed), given
            # Where every dimension may be given, there is no override.
            columns[INTERVENTION] = (given.any(1) & ~given.all())[:, None]
        if spec.rewards:
            rewards = np.zeros(steps) if episode.rewards is None else episode.rewards
            columns[REWARD] = np.float32(rewards)[:, None]
        if spec.failed:
            columns[FAILED] = np.full((steps, 1), episode.failed)
        columns["next.done"] = (number == steps - 1)[:, None]
        columns["timestamp"] = np.float32(number / spec.fps)[:, None]
        counters = {
            "frame_index": number,
            "episode_index": np.full(steps, self.episodes),
            "index": self.frames + number,
            "task_index": np.array([place[text] for text in frames]),
        }
        return columns | {name: c.astype(np.int64)[:, None] for name, c in counters.items()}, texts

    def _put(
        self, columns: dict[str, np.ndarray], row: dict[str, Any], place: Any, total: Stats
    ) -> None:
        pa = pyarrow()
        table = pa.table({name: arrow(column) for name, column in columns.items()})
        if self._whole:
            if self._open is None:
                path = self.folder / DATA.format(**place)
                path.parent.mkdir(parents=True, exist_ok=True)
                self._open = pa.parquet.ParquetWriter(path, table.schema)
            self._open.write_table(table)
            self._open_mb += table.nbytes / 2**20
            self._rows.append(row)
            if self._open_mb > FILE_MB:
                self._close_file()
            return
        counts = self.episodes + 1, self.frames + int(row["length"])
        # It is a data set after each rename: what info.json does not count is not read.
        data, listed = DATA.format(**place), EPISODES.format(**place)
        names, is_new = [data, _TASKS, listed, _STATS, _INFO], not (self.folder / _INFO).exists()
        with atomic_folder(self.folder) if is_new else atomic_files(self.folder, names) as new:
            for name in names:
                (new / name).parent.mkdir(parents=True, exist_ok=True)
            pa.parquet.write_table(table, new / data)
            pa.parquet.write_table(task_table(self._tasks), new / _TASKS)
            pa.parquet.write_table(episode_table([row], place), new / listed)
            (new / _STATS).write_text(json.dumps(to_json(total)), encoding="utf-8")
            info = self.spec.info(*counts, len(self._tasks))
            (new / _INFO).write_text(json.dumps(info, indent=4), encoding="utf-8")
            if is_new:
                write_json(new / OWN, self.spec.own)
        self._next_file += 1

    def _close_file(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open, self._open_mb = None, 0.0
            self._next_file += 1

    def finish(self) -> None:
        """Write the metadata of a data set written with `whole`."""
        self._close_file()
        if not self._rows:
            raise DataError("demonstrations: expected at least one episode, got none")
        place = {"chunk_index": 0, "file_index": 0}
        path = self.folder / EPISODES.format(**place)
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet = pyarrow().parquet
        parquet.write_table(episode_table(self._rows, place), path)
        parquet.write_table(task_table(self._tasks), self.folder / _TASKS)
        assert self._stats is not None
        write_json(self.folder / _STATS, to_json(self._stats))
        write_json(
            self.folder / _INFO,
            self.spec.info(self.episodes, self.frames, len(self._tasks)),
        )
        write_json(self.folder / OWN, self.spec.own)

    def reopen(self) -> None:
        """Continue what is there, also after `add` failed: `added` tells whether it wrote."""
        self.episodes = 0
        with self._alone():
            pass

    def _continue(self) -> None:
        """Count an existing data set; an episode is complete if both of its files exist."""
        known = counted(self.folder, self.spec.fps, self.features)
        self._tasks = listed_tasks(self.folder)
        self.episodes = self.frames = self._next_file = 0
        self._stats = None
        for row in episodes_of(self.folder):
            self._count(row)
        not_listed = self.folder / DATA.format(**place_of(self._next_file))
        not_listed.unlink(missing_ok=True)
        if known != self.episodes:
            assert self._stats is not None
            write_json(self.folder / _STATS, to_json(self._stats))
            info = self.spec.info(self.episodes, self.frames, len(self._tasks))
            write_json(self.folder / _INFO, info)

    def _catch_up(self) -> None:
        """Count only the episodes that others have added since."""
        before = self.episodes
        while (path := self.folder / EPISODES.format(**place_of(self._next_file))).exists():
            for row in read_table(path).to_pylist():
                self._count(row)
        if self.episodes != before:
            self._tasks = listed_tasks(self.folder)

    def _count(self, row: dict[str, Any]) -> None:
        length, free, stats = read_row(self.folder, row)
        self.episodes, self.frames = self.episodes + 1, self.frames + length
        self._next_file = max(self._next_file, free)
        self._stats = merged(self._stats, stats)
