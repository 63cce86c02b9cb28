"""Reads Parquet files as arrays, a slice at a time; the only module that needs pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.errors import DataError, InputError, first_line

_SLICE = 8192  # rows read at a time
_BUFFER = 1 << 18  # bytes of a column read at a time


def pyarrow() -> Any:
    """The package pyarrow, with `pyarrow.parquet` loaded.

    Raises:
        InputError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            "data: expected the package pyarrow for a LeRobotDataset, got none; "
            "pip install 'mac-control[lerobot-data]'"
        ) from error
    return pyarrow


def open_file(path: Path) -> Any:
    """A parquet file, not read yet.

    Raises:
        DataError: no such file, or not a parquet file.
    """
    pq = pyarrow().parquet
    if not path.is_file():
        raise DataError(f"{path}: expected a parquet file, found no such file")
    with open(path, "rb") as file:
        if file.read(23) == b"version https://git-lfs":
            raise DataError(
                f"{path}: expected a parquet file, got a Git LFS pointer; 'git lfs pull' fetches it"
            )
    try:
        # Read page by page, else a whole row group would stay in memory.
        return pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)
    except Exception as error:  # a damaged file raises nearly anything
        raise _damaged(path, error) from error


def read_table(path: Path, columns: Sequence[str] | None = None) -> Any:
    """A small parquet file as a pyarrow table."""
    file = open_file(path)
    try:
        return file.read(columns=None if columns is None else list(columns))
    except Exception as error:
        raise _damaged(path, error) from error


def read_columns(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Columns of numbers, `(N,)` each, of a small file.

    Raises:
        DataError: the file is damaged, or a column is missing.
    """
    table = read_table(path, names)
    for name in names:
        if name not in table.column_names:
            raise DataError(f"{path}: expected a column {name}, got {table.column_names}")
    return {name: column(path, name, table.column(name))[:, 0] for name in names}


def slices(path: Path, names: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
    """Columns `(n, size)` of a file, some thousand rows at a time, in order.

    Raises:
        DataError: the file is damaged, or a column is missing or not numeric.
    """
    file = open_file(path)
    missing = [name for name in names if name not in file.schema_arrow.names]
    if missing:
        raise DataError(f"{path}: expected columns {', '.join(missing)}, found none")
    try:
        for batch in file.iter_batches(_SLICE, columns=list(names)):
            yield {name: column(path, name, batch.column(name)) for name in names}
    except DataError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error


def column(path: Path, name: str, values: Any) -> np.ndarray:
    """An Arrow column of numbers, or of lists of one length, as `(n, size)`.

    Raises:
        DataError: missing entries, lists of different lengths, or entries that are not numbers.
    """
    pa, rows = pyarrow(), len(values)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    while any(of_lists(values.type) for of_lists in lists):
        if values.null_count:
            raise DataError(f"{path}: {name}: expected a list in each row, got a missing one")
        fixed = pa.types.is_fixed_size_list(values.type)
        if not fixed and len(set(values.value_lengths().to_pylist())) > 1:
            raise DataError(f"{path}: {name}: expected lists of one length, got several")
        values = values.flatten()
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise DataError(f"{path}: {name}: expected numbers, got {kind}")
    if values.null_count:
        raise DataError(f"{path}: {name}: expected a number in each row, got a missing one")
    array = values.to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(array).reshape(rows, -1) if rows else np.empty((0, 1))


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: expected a whole parquet file, got {first_line(error)}")
