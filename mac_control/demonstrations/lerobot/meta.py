"""The metadata of a LeRobotDataset: its files, features, names, tasks and robot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.errors import DataError, InputError, did_you_mean
from mac_control.files import user_path
from mac_control.json_read import json_object, json_rows

#: Supported versions of the format.
VERSIONS = ("v2.0", "v2.1", "v3.0")
#: File of our own metadata: subtasks, provenance, robot, environment.
OWN = "meta/mac_control.json"
#: Default name of a task.
TASK = "demonstration"
#: Features that number frames; never part of an observation.
COUNTERS = ("timestamp", "frame_index", "episode_index", "index", "task_index", "subtask_index")
_NUMBERS = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")


@dataclass(frozen=True)
class Choice:
    """A folder and the features to read: `FOLDER[:state=A,B][:action=C]`.

    Example:
        >>> Choice.parse("data/so101:state=observation.state,observation.effort").state
        ('observation.state', 'observation.effort')
    """

    folder: Path
    state: tuple[str, ...] = ()
    action: tuple[str, ...] = ("action",)

    @classmethod
    def parse(cls, source: str | Path) -> Choice:
        """The choice that a source spells out.

        Raises:
            InputError: an option that is neither `state` nor `action`.
        """
        text, found = str(source), {}
        while not user_path(text).exists() and "=" in text.rpartition(":")[2]:
            text, _, option = text.rpartition(":")
            key, _, value = option.partition("=")
            if key not in ("state", "action") or not value:
                raise InputError(
                    f"data: expected FOLDER[:state=FEATURE,...][:action=FEATURE], got {source!s}"
                )
            found[key] = tuple(value.split(","))
        return cls(user_path(text), **found)


def is_lerobot(source: str | Path) -> bool:
    """Whether a source is the folder of a LeRobotDataset, with or without a choice of features."""
    try:
        return (Choice.parse(source).folder / "meta" / "info.json").is_file()
    except InputError:
        return False


@dataclass(frozen=True)
class LeRobotMeta:
    """Metadata of a data set, checked.

    Args:
        folder: folder of the data set.
        info: its `info.json`.
        lengths: frames of each episode, `(E,)`.
        tasks: task of each `task_index`.
        subtasks: subtask of each `subtask_index`; empty where frames have none.
        state, action: the chosen features.
    """

    folder: Path
    info: dict[str, Any]
    lengths: np.ndarray
    tasks: tuple[str, ...]
    subtasks: tuple[str, ...]
    state: tuple[str, ...]
    action: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def version(self) -> str:
        """Version of the format, such as `v3.0`."""
        return str(self.info["codebase_version"])

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        """Name -> dtype, shape and names of each feature."""
        features: dict[str, dict[str, Any]] = self.info["features"]
        return features

    @property
    def fps(self) -> float:
        """Frames per second."""
        return float(self.info["fps"])

    @property
    def left_out(self) -> list[str]:
        """Features that are not read: videos and images."""
        return [n for n, f in self.features.items() if f.get("dtype") in ("video", "image")]

    def size(self, names: Sequence[str]) -> int:
        """How many numbers a frame of these features has."""
        return sum(int(np.prod(self.features[name]["shape"])) for name in names)

    def names(self, features: Sequence[str]) -> tuple[str, ...]:
        """A name for each number of a frame of these features, all different."""
        found: list[str] = []
        for feature in features:
            size = self.size([feature])
            names = _flat_names(self.features[feature].get("names"))
            short = feature.rpartition(".")[2]
            if len(names) != size or len(set(names)) < size:
                names = [f"{short}{i}" for i in range(size)]
            found += [f"{short}.{n}" if n in found else n for n in names]
        return (
            tuple(found)
            if len(set(found)) == len(found)
            else tuple(f"{n}#{i}" for i, n in enumerate(found))
        )


def read_meta(choice: Choice) -> LeRobotMeta:
    """The metadata of a data set.

    Raises:
        DataError: it is damaged, of another version, or incomplete.
        InputError: a chosen feature that it does not have.
    """
    folder = choice.folder
    info = json_object(folder / "meta" / "info.json")
    version = info.get("codebase_version")
    if version not in VERSIONS:
        raise DataError(
            f"{folder}: expected a LeRobotDataset of version {', '.join(VERSIONS)}, got {version!r}"
        )
    features, fps = info.get("features"), info.get("fps")
    if not isinstance(features, dict) or not all(
        isinstance(f, dict) and isinstance(f.get("shape"), list) for f in features.values()
    ):
        raise DataError(f"{folder}: info.json: features: expected a table with a shape in each")
    if not isinstance(fps, (int, float)) or not fps > 0:
        raise DataError(f"{folder}: info.json: fps: expected a number above 0, got {fps!r}")
    numeric = [n for n, f in features.items() if f.get("dtype") in _NUMBERS and n not in COUNTERS]
    state = choice.state or _default_state(numeric)
    for name in (*state, *choice.action):
        if name not in numeric:
            raise InputError(
                f"data: {folder}: expected a feature out of {', '.join(numeric)}, "
                f"got {name!r}{did_you_mean(name, numeric)}"
            )
    if not state:
        raise DataError(f"{folder}: expected a feature observation.state, got none")
    v3 = version == "v3.0"
    lengths, files = (_v3_episodes if v3 else _v2_episodes)(folder, info)
    named = "subtask_index" in features
    return LeRobotMeta(
        folder,
        info,
        lengths,
        _tasks(folder, "task", v3),
        _tasks(folder, "subtask", v3) if named else (),
        tuple(state),
        choice.action,
        files,
    )


def own_record(folder: Path) -> dict[str, Any]:
    """This package's own metadata; empty where another program made the data."""
    path = folder / OWN
    return json_object(path) if path.is_file() else {}


def _default_state(numeric: Sequence[str]) -> tuple[str, ...]:
    main = ("observation.state", "observation.environment_state")
    found = tuple(name for name in main if name in numeric)
    return found or tuple(name for name in numeric if name.startswith("observation."))


def _flat_names(names: Any) -> list[str]:
    """Names, however nested: a list, a list of lists, a table of lists or of indices."""
    if isinstance(names, dict):
        if all(isinstance(place, int) for place in names.values()):
            return [str(name) for name in sorted(names, key=names.__getitem__)]
        return [each for part in names.values() for each in _flat_names(part)]
    if isinstance(names, (list, tuple)):
        return [each for part in names for each in _flat_names(part)]
    return [] if names is None else [str(names)]


def _v2_episodes(folder: Path, info: dict[str, Any]) -> tuple[np.ndarray, tuple[Path, ...]]:
    rows = json_rows(folder / "meta" / "episodes.jsonl", key="episode_index")
    pattern, size = _data_path(folder, info), info.get("chunks_size")
    if not isinstance(size, int) or size < 1:
        raise DataError(f"{folder}: info.json: chunks_size: expected at least 1, got {size!r}")
    lengths, files = [], []
    try:
        for row in sorted(rows, key=lambda row: int(row["episode_index"])):
            index = int(row["episode_index"])
            place = pattern.format(episode_chunk=index // size, episode_index=index)
            files.append(_inside(folder, place))
            lengths.append(int(row["length"]))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{folder}: meta: expected data_path and lengths, got {error}") from error
    return _lengths(folder, lengths), tuple(files)


def _v3_episodes(folder: Path, info: dict[str, Any]) -> tuple[np.ndarray, tuple[Path, ...]]:
    from mac_control.demonstrations.lerobot.parquet import read_columns

    names = ("episode_index", "length", "data/chunk_index", "data/file_index")
    paths = sorted((folder / "meta" / "episodes").glob("*/*.parquet"))
    if not paths:
        raise DataError(f"{folder}: expected meta/episodes, found none; is the download whole?")
    parts = [read_columns(path, names) for path in paths]
    table = {name: np.concatenate([part[name] for part in parts]) for name in names}
    order = table["episode_index"].argsort(kind="stable")
    pattern = _data_path(folder, info)
    files: dict[Path, None] = {}
    try:
        for i in order:
            place = pattern.format(
                chunk_index=int(table["data/chunk_index"][i]),
                file_index=int(table["data/file_index"][i]),
            )
            files[_inside(folder, place)] = None
    except (KeyError, IndexError, ValueError) as error:
        raise DataError(f"{folder}: info.json: data_path: {error!r}") from error
    return _lengths(folder, table["length"][order]), tuple(files)


def _data_path(folder: Path, info: dict[str, Any]) -> str:
    found = info.get("data_path")
    if not isinstance(found, str):
        raise DataError(f"{folder}: info.json: data_path: expected text, got {found!r}")
    return found


def _inside(folder: Path, place: str) -> Path:
    path = folder / place
    if Path(place).is_absolute() or ".." in Path(place).parts:
        raise DataError(f"{folder}: data_path: expected a file inside the data set, got {place!r}")
    return path


def _lengths(folder: Path, lengths: Any) -> np.ndarray:
    found = np.asarray(lengths, np.int64)
    if not len(found) or found.min() < 1:
        raise DataError(f"{folder}: expected episodes of at least a frame, got {len(found)} in all")
    return found


def _tasks(folder: Path, kind: str, v3: bool) -> tuple[str, ...]:
    """The text of each index, from `tasks.jsonl`, or `tasks.parquet` or `subtasks.parquet`."""
    path = folder / "meta" / (f"{kind}s.parquet" if v3 else f"{kind}s.jsonl")
    if not path.is_file():
        return ()
    if v3:
        from mac_control.demonstrations.lerobot.parquet import read_table

        table = read_table(path).to_pydict()
        texts = next((v for v in table.values() if v and isinstance(v[0], str)), None)
        numbers = table.get(f"{kind}_index")
        if texts is None or numbers is None:
            raise DataError(f"{path}: expected {kind}s and their indices, got {list(table)}")
        named = dict(zip(numbers, texts, strict=True))
    else:
        named = {row.get(f"{kind}_index"): row.get(kind) for row in json_rows(path)}
    if sorted(named, key=str) != sorted(range(len(named)), key=str):
        raise DataError(f"{path}: expected indices from 0 on, got {sorted(named, key=str)[:5]}")
    return tuple(str(named[i]) for i in range(len(named)))
