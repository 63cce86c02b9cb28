"""Opens HDF5 files, and says what is wrong with damaged ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mac_control.errors import DataError, MacControlError, first_line

# A file that claims more than this many times its size is damaged: gzip reaches 1032.
_LARGEST_RATIO = 4096
_CHUNK_CACHE = 32 << 20  # [bytes]


def read_arrays(
    path: Path, names: tuple[str, ...] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays of an HDF5 file (all, or those named), by path in the file, and its attributes.

    Raises:
        DataError: no such file, not HDF5, or damaged.
    """
    with open_arrays(path, names) as (arrays, attributes):
        return {name: np.asarray(array[()]) for name, array in arrays.items()}, attributes


@contextmanager
def open_arrays(
    path: Path, names: tuple[str, ...] | None = None
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """As :func:`read_arrays`, but arrays are read only when sliced, while the block lasts.

    Raises:
        DataError: no such file, not HDF5, or damaged (also where the block runs into it).
    """
    check_hdf5(path)
    size = path.stat().st_size
    try:
        # Room for a whole chunk of a compressed file, as an episode is part of one.
        with h5py.File(path, "r", rdcc_nbytes=_CHUNK_CACHE) as file:
            found = [n for n in names if n in file] if names is not None else _all_names(file)
            arrays = {name: _array(path, file, name, size) for name in found}
            yield arrays, {name: file.attrs[name] for name in file.attrs}
    except MacControlError:
        raise
    except Exception as error:  # a damaged file raises nearly anything
        raise DataError(
            f"{path}: expected a whole HDF5 file, got a damaged one ({first_line(error)})"
        ) from error


def check_hdf5(path: Path) -> None:
    """Raise a DataError where the file is not HDF5, saying what it is."""
    if not path.is_file():
        raise DataError(f"{path}: expected an HDF5 file, found no such file")
    try:
        with open(path, "rb") as file:
            start = file.read(64)
    except OSError as error:
        raise DataError(f"{path}: expected a file to read, got {first_line(error)}") from error
    if start.startswith(b"version https://git-lfs"):
        raise DataError(
            f"{path}: expected an HDF5 file, got a Git LFS pointer; 'git lfs pull' fetches the file"
        )
    if not start:
        raise DataError(f"{path}: expected an HDF5 file, got an empty file")
    if not h5py.is_hdf5(path):
        raise DataError(f"{path}: expected an HDF5 file, got one that begins with {start[:16]!r}")


def _all_names(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(
        lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None
    )
    return names


def _array(path: Path, file: h5py.File, name: str, size: int) -> Any:
    """A data set, sliced like an array, with text as strings."""
    # An HDF5 file may link to other files; only data of its own are accepted.
    own = isinstance(file.get(name, getlink=True), h5py.HardLink)
    item = file[name] if own else None
    if not isinstance(item, h5py.Dataset) or item.is_virtual or item.external:
        raise DataError(f"{path}: {name}: expected an array in this file, got something else")
    text = h5py.check_string_dtype(item.dtype) is not None
    if item.dtype.kind not in "fiub" and not text:
        raise DataError(f"{path}: {name}: expected numbers, got type {item.dtype}")
    if item.nbytes > _LARGEST_RATIO * size:
        raise DataError(
            f"{path}: {name}: expected what a file of {size} bytes can hold, got shape {item.shape}"
        )
    return item.asstr() if text else item
