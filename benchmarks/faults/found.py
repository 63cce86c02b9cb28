"""Reads every file on disk in full, and what must be equal after an interruption."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

from mac_control.collection import generate as gathering
from mac_control.demonstrations import load_demonstrations
from mac_control.demonstrations.minari_read import raw_episodes, read_metadata


def gathered(out: Path) -> int:
    """Episodes of `gather` that are on disk."""
    if out.exists():
        load_demonstrations(out)
        return 10**6  # all there was to make
    folder = gathering.shards(out)
    pieces = sorted(folder.glob("0*.npz"))
    for piece in pieces:
        gathering._load(piece)
    return len(pieces)


def data_set(folder: Path) -> Any:
    """Checksums of all arrays of a data set, and its metadata."""
    metadata = read_metadata(folder)
    metadata.pop("dataset_size", None)
    with h5py.File(folder / "data" / "main_data.hdf5") as file:
        if len(file) != metadata["total_episodes"]:
            raise ValueError(f"{len(file)} episodes, {metadata['total_episodes']} counted")
    digests = []
    for raw in raw_episodes(folder, metadata):
        digest = hashlib.sha256()
        _feed(digest, {k: v for k, v in raw.items() if k != "id"})
        digests.append(digest.hexdigest())
    return metadata, digests


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, dict):
        for name in sorted(value):
            digest.update(name.encode())
            _feed(digest, value[name])
    else:
        array = np.asarray(value)
        digest.update(str((array.dtype, array.shape)).encode())
        digest.update(array.astype("S").tobytes() if array.dtype.kind == "O" else array.tobytes())


def log_rows(out: Path) -> list[list[str]]:
    """Rows of a training run's log."""
    with open(out / "log.csv", newline="") as file:
        return list(csv.reader(file))


def picture(path: Path) -> None:
    """Read a picture in full."""
    with Image.open(path) as picture:
        picture.load()
