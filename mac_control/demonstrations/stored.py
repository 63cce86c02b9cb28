"""Demonstrations too large for memory: rows in a file, read a batch at a time."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.demonstrations.episode import Episode, EpisodeFile
from mac_control.errors import DataError, InputError
from mac_control.files import temporary_folder, user_path, write_json

#: Environment variable: data of more than this many MiB in memory stay in a file.
RESIDENT_VARIABLE = "MAC_CONTROL_RESIDENT"
RESIDENT = 64
#: Environment variable that names the folder for such files.
CACHE_VARIABLE = "MAC_CONTROL_CACHE"


def is_large(count: int) -> bool:
    """Whether data of this many bytes stay in a file.

    Raises:
        InputError: the environment variable is not a number.
    """
    limit = os.environ.get(RESIDENT_VARIABLE, str(RESIDENT))
    try:
        return count > float(limit) * 2**20
    except ValueError as error:
        raise InputError(f"{RESIDENT_VARIABLE}: expected MiB, got {limit!r}") from error


def cache_folder() -> Path:
    """Folder of rows of large data; it may be deleted, as they are made again when missing."""
    default = Path.home() / ".cache" / "mac-control"
    return user_path(os.environ.get(CACHE_VARIABLE) or default)


class StoredEpisodes(EpisodeFile):
    """Episodes in a file of float32 rows: observation, action, executed, given, reward,
    subtask.

    Episodes and batches are read on demand: neither memory nor the time of a batch grows with the
    file.

    Args:
        folder: folder that `store` wrote.
        chosen: indices of its episodes; None: all.
    """

    def __init__(self, folder: Path, chosen: Sequence[int] | None = None) -> None:
        self.folder = folder
        record = json.loads((folder / "record.json").read_text(encoding="utf-8-sig"))
        self.obs_dim, self.action_dim = record["obs_dim"], record["action_dim"]
        self.subtasks = tuple(record["subtasks"])
        self._width = self.obs_dim + 3 * self.action_dim + 2
        lengths = np.load(folder / "lengths.npy", allow_pickle=False)  # (E,)
        ends = lengths.cumsum()
        size = (folder / "rows").stat().st_size
        if size != 4 * self._width * int(ends[-1]):
            raise DataError(
                f"{folder}: expected {4 * self._width * int(ends[-1])} bytes of rows, got {size}; "
                "delete the folder, and it is made again"
            )
        self._chosen = np.arange(len(lengths)) if chosen is None else np.asarray(chosen, int)
        self.lengths = lengths[self._chosen]
        self.failed = np.isin(self._chosen, record.get("failed", []))
        self._first = (ends - lengths)[self._chosen]  # row in the file
        self._begin = self.lengths.cumsum() - self.lengths  # row among those chosen
        self._file: Any = None
        self.key = json.dumps([folder.name, self._chosen.tolist()])

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Episode:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        rows = np.empty((self.lengths[index], self._width), np.float32)
        self._read(int(self._first[index]), rows)
        *parts, given, rewards, code = self._columns(rows)
        known = not np.isnan(rewards).any()
        names = [self.subtasks[int(c)] if c >= 0 else "" for c in code]
        failed = bool(self.failed[index])
        return Episode(*parts, rewards if known else None, names, given, failed)

    def select(self, indices: Sequence[int]) -> StoredEpisodes:
        """The episodes at these indices."""
        return StoredEpisodes(self.folder, self._chosen[np.asarray(indices, int)])

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """As :meth:`EpisodeFile.take`."""
        episode = np.searchsorted(self._begin, rows, "right") - 1
        places = self._first[episode] + rows - self._begin[episode]
        read = np.empty((len(rows), self._width), np.float32)
        for index in places.argsort():  # read in the order of the file
            self._read(int(places[index]), read[index : index + 1])
        *parts, _, code = self._columns(read)
        return *parts, code.astype(np.int64)

    def __del__(self) -> None:
        if getattr(self, "_file", None):
            self._file.close()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None}  # each process opens the file itself

    def _read(self, row: int, into: np.ndarray) -> None:
        if self._file is None:
            self._file = open(self.folder / "rows", "rb", buffering=0)  # noqa: SIM115
        self._file.seek(4 * self._width * row)
        view = memoryview(into).cast("B")
        while view:  # one call reads 2 GiB at most
            count = self._file.readinto(view)
            if not count:
                raise DataError(f"{self.folder}: expected more rows: the file ends at row {row}")
            view = view[count:]

    def _columns(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        at = np.cumsum([self.obs_dim, *3 * [self.action_dim]])
        *parts, given, rest = np.split(rows, at, 1)
        return *map(np.ascontiguousarray, parts), given == 1, rest[:, 0], rest[:, 1]


def store(key: str, episodes: Iterable[Episode]) -> StoredEpisodes:
    """Write episodes to the cache one by one, unless it has them under this `key`.

    Raises:
        DataError: episodes of different sizes, or no room in the cache.
    """
    folder = cache_folder() / key
    if (folder / "record.json").is_file():
        return StoredEpisodes(folder)
    try:
        temporary = temporary_folder(folder)
        try:
            whole = temporary / "whole"
            whole.mkdir()
            _write(whole, episodes)
            try:
                os.replace(whole, folder)
            except OSError:  # another process was faster
                if not (folder / "record.json").is_file():
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        free = shutil.disk_usage(folder.parent).free >> 20 if folder.parent.exists() else 0
        raise DataError(
            f"{folder.parent}: expected room for the rows of large data, got {error.strerror} "
            f"({free} MiB free); {CACHE_VARIABLE} names another folder"
        ) from error
    return StoredEpisodes(folder)


def _write(folder: Path, episodes: Iterable[Episode]) -> None:
    lengths, failed, names = [], [], {}
    sizes: tuple[int, int] | None = None
    with open(folder / "rows", "wb") as file:
        for index, episode in enumerate(episodes):
            got = (episode.observations.shape[1], episode.actions.shape[1])
            sizes = sizes or got
            if got != sizes:
                raise DataError(
                    f"demonstrations: expected one observation and action size, "
                    f"got {sizes} and, in episode {index}, {got}"
                )
            rewards = np.full(len(episode), np.nan) if episode.rewards is None else episode.rewards
            texts = episode.subtasks if episode.subtasks is not None else []
            code = [names.setdefault(str(text), len(names)) if text else -1 for text in texts]
            parts = (episode.observations, episode.actions, episode.executed, episode.given)
            last = (rewards[:, None], np.array(code or [-1] * len(episode))[:, None])
            file.write(np.concatenate([*parts, *last], 1, dtype=np.float32).tobytes())
            if episode.failed:
                failed.append(len(lengths))
            lengths.append(len(episode))
    if sizes is None:
        raise DataError("demonstrations: expected at least one episode, got none")
    np.save(folder / "lengths.npy", np.array(lengths, np.int64))
    record = {"obs_dim": sizes[0], "action_dim": sizes[1], "subtasks": list(names)}
    record["failed"] = failed
    write_json(folder / "record.json", record)
