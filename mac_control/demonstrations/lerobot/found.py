"""What a LeRobotDataset that is continued has already, and whether that fits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.demonstrations.lerobot.parquet import read_table
from mac_control.demonstrations.lerobot.spec import FILES_IN_CHUNK
from mac_control.demonstrations.lerobot.stats import Stats, from_json
from mac_control.errors import DataError, first_line


def counted(folder: Path, fps: float, features: Mapping[str, Any]) -> int:
    """The number of episodes that `info.json` counts.

    Raises:
        DataError: it is damaged, or tells another rate or other features.
    """
    meta = folder / "meta"
    try:
        info = json.loads((meta / "info.json").read_text(encoding="utf-8-sig"))
        have, rate, total = info["features"], float(info["fps"]), int(info["total_episodes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(meta, error) from error
    if rate != fps:
        raise DataError(
            f"{folder}: expected a recording at {fps:g} Hz, the rate of this robot, "
            f"got one at {rate:g} Hz; record into another folder"
        )
    for name in [*features, *have]:
        if have.get(name) != features.get(name):
            raise DataError(
                f"{folder}: expected of this robot {name} {_short(features.get(name))}, "
                f"got {_short(have.get(name))}; record into another folder"
            )
    return total


def listed_tasks(folder: Path) -> list[str]:
    """The text of each `task_index`.

    Raises:
        DataError: they are damaged.
    """
    table = read_table(folder / "meta" / "tasks.parquet").to_pydict()
    try:
        order = np.argsort(table.pop("task_index"))
        names, *_ = table.values()
    except (KeyError, ValueError) as error:
        raise _damaged(folder / "meta", error) from error
    return [names[i] for i in order]


def read_row(folder: Path, row: Mapping[str, Any]) -> tuple[int, int, Stats]:
    """Frames of an episode in `meta/episodes`, the number of the first file after it, and its
    statistics.

    Raises:
        DataError: it is damaged.
    """
    record: dict[str, dict[str, Any]] = {}
    try:
        for key, value in row.items():
            if key.startswith("stats/"):
                _, name, stat = key.split("/")
                record.setdefault(name, {})[stat] = value
        after = [
            row[f"{kind}/chunk_index"] * FILES_IN_CHUNK + row[f"{kind}/file_index"] + 1
            for kind in ("data", "meta/episodes")
        ]
        return row["length"], max(after), from_json(record)
    except (KeyError, ValueError, TypeError) as error:
        raise _damaged(folder / "meta", error) from error


def _damaged(meta: Path, error: Exception) -> DataError:
    what = f"no {error}" if isinstance(error, KeyError) else first_line(error)
    return DataError(f"{meta}: expected a data set's metadata, got {what}")


def _short(feature: dict[str, Any] | None) -> str:
    """A feature in a few words."""
    if feature is None:
        return "nowhere"
    return f"as {feature['dtype']} {feature['names'] or feature['shape']}"
