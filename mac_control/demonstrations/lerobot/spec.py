"""The metadata and tables of a LeRobotDataset that we write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.demonstrations.lerobot.parquet import pyarrow, read_table
from mac_control.demonstrations.lerobot.read import EXTRA, INTERVENTION
from mac_control.errors import InputError
from mac_control.robot import Robot

FILES_IN_CHUNK = 1000
FILE_MB = 100  # size of a data file, in memory
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EXECUTED, GIVEN, REWARD, FAILED = EXTRA
#: The policy's action while an operator drove, and whether the frame ended a successful episode.
FILLED, SUCCESS = "complementary_info.filled", "next.success"


@dataclass(frozen=True)
class LeRobotSpec:
    """What a data set contains, as written to its `info.json`.

    Args:
        obs_names, action_names: a name for each number.
        fps: control rate [Hz].
        robot_type: LeRobot's name of the robot.
        given: whether frames have the executed action and the given dimensions.
        rewards: whether frames have a reward.
        failed: whether frames say that their episode failed.
        driven: whether frames have the policy's action while an operator drove, and success.
        own: this package's own metadata: robot, tasks, environment; JSON values.
    """

    obs_names: tuple[str, ...]
    action_names: tuple[str, ...]
    fps: float
    robot_type: str | None = None
    given: bool = False
    rewards: bool = False
    failed: bool = False
    driven: bool = False
    own: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_robot(cls, robot: Robot, obs_dim: int, fps: float | None = None, **more: Any) -> Any:
        """The spec of a robot's data.

        Raises:
            InputError: a control rate that is unknown, or not above 0.
        """
        fps = robot.rate if fps is None else fps
        if fps is None:
            raise InputError("fps: expected the control rate, got none, nor does the robot say it")
        if not 0 < fps < float("inf"):
            raise InputError(f"fps: expected a number above 0, got {fps}")
        seen = robot.obs_names or tuple(f"state{i}" for i in range(obs_dim))
        names = tuple(action.name for action in robot.actions)
        more["own"] = {"robot": robot.to_json(), **more.get("own", {})}
        return cls(seen, names, float(fps), more.pop("robot_type", robot.name), **more)

    def features(self) -> dict[str, dict[str, Any]]:
        """The features, as in `info.json`."""

        def feature(dtype: str, names: Any, size: int = 1) -> dict[str, Any]:
            return {"dtype": dtype, "shape": [size], "names": names}

        seen, names = list(self.obs_names), list(self.action_names)
        found = {
            "action": feature("float32", names, len(names)),
            "observation.state": feature("float32", seen, len(seen)),
        }
        if self.given:
            found[EXECUTED] = feature("float32", names, len(names))
            found[GIVEN] = feature("bool", names, len(names))
            found[INTERVENTION] = feature("bool", None)
        if self.rewards:
            found[REWARD] = feature("float32", None)
        if self.failed:
            found[FAILED] = feature("bool", None)
        if self.driven:
            found[FILLED] = feature("float32", names, len(names))
            found[SUCCESS] = feature("bool", None)
        found["next.done"] = feature("bool", None)
        found["timestamp"] = feature("float32", None)
        counters = ("frame_index", "episode_index", "index", "task_index")
        return found | {name: feature("int64", None) for name in counters}

    def info(self, episodes: int, frames: int, tasks: int) -> dict[str, Any]:
        """The `info.json` for these numbers of episodes, frames and tasks."""
        return {
            "codebase_version": "v3.0",
            "robot_type": self.robot_type,
            "total_episodes": episodes,
            "total_frames": frames,
            "total_tasks": tasks,
            "chunks_size": FILES_IN_CHUNK,
            "data_files_size_in_mb": FILE_MB,
            "video_files_size_in_mb": 200,
            "fps": int(self.fps) if self.fps == int(self.fps) else self.fps,
            "splits": {"train": f"0:{episodes}"},
            "data_path": DATA,
            "video_path": None,
            "features": self.features(),
        }


def place_of(number: int) -> dict[str, int]:
    """Where the file of this number is."""
    return {"chunk_index": number // FILES_IN_CHUNK, "file_index": number % FILES_IN_CHUNK}


def arrow(column: np.ndarray) -> Any:
    """A column `(T, size)`: lists of fixed length, or plain numbers where the size is 1."""
    pa = pyarrow()
    flat = pa.array(np.ascontiguousarray(column).ravel())
    size = column.shape[1]
    return flat if size == 1 else pa.FixedSizeListArray.from_arrays(flat, size)


def episode_table(rows: list[dict[str, Any]], place: dict[str, int]) -> Any:
    """Rows of `meta/episodes`, for the file at this place."""
    own = {f"meta/episodes/{key}": value for key, value in place.items()}
    return pyarrow().Table.from_pylist([row | own for row in rows])


def task_table(tasks: list[str]) -> Any:
    """The table of tasks as pandas writes it, indexed by text, as LeRobot looks tasks up."""
    index = {
        "name": None,
        "field_name": "__index_level_0__",
        "pandas_type": "unicode",
        "numpy_type": "object",
        "metadata": None,
    }
    column = {
        "name": "task_index",
        "field_name": "task_index",
        "pandas_type": "int64",
        "numpy_type": "int64",
        "metadata": None,
    }
    about = {
        "index_columns": ["__index_level_0__"],
        "column_indexes": [],
        "columns": [column, index],
        "pandas_version": "2.0.0",
    }
    table = pyarrow().table({"task_index": list(range(len(tasks))), "__index_level_0__": tasks})
    return table.replace_schema_metadata({"pandas": json.dumps(about)})


def episodes_of(folder: Path) -> Iterator[dict[str, Any]]:
    """Rows of `meta/episodes`, in order."""
    for path in sorted((folder / "meta" / "episodes").glob("*/*.parquet")):
        yield from read_table(path).to_pylist()
