"""Reads tables of numbers from text files."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

from mac_control.errors import DataError

#: The largest number in a table, so that differences are finite in float32 too.
LARGEST = 1e37
_MISSING = ("", "?", "-", "na", "n/a", "null", "none", "nan")


def read_csv(path: Path) -> np.ndarray:
    """Numbers separated by commas or white space, with or without a first line of names.

    Lines that start with # are skipped. A line of names has no cell that is a number.

    Raises:
        DataError: not UTF-8, a cell without a finite number, or lines of different lengths.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "a.csv"
        ...     _ = file.write_text("x,y\\n1,2\\n3,4\\n")
        ...     read_csv(file).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    rows: list[list[float]] = []
    names_may_come = True
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for cells in reader:
                cells = cells if len(cells) > 1 else " ".join(cells).split()
                if not cells or cells[0].lstrip().startswith("#"):
                    continue
                values = [_number(cell) for cell in cells]
                if (
                    names_may_come
                    and not any(map(_is_number, cells))
                    and any(map(str.strip, cells))
                ):
                    names_may_come = False
                    continue
                names_may_come = False
                line = f"line {reader.line_num}"
                for at, (cell, value) in enumerate(zip(cells, values, strict=True), 1):
                    if value is None:
                        raise DataError(
                            f"{path}: expected a finite number in {line}, cell {at}, got "
                            f"{cell[:40]!r}; {_hint(cell)}"
                        )
                rows.append([value for value in values if value is not None])
                if len(rows[-1]) != len(rows[0]):
                    raise DataError(
                        f"{path}: expected {len(rows[0])} numbers in {line}, got {len(rows[-1])}"
                    )
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected text in UTF-8, got byte {error.object[error.start]:#04x}; save the "
            "table as UTF-8, or name a binary file by what it is (.npy, .npz, .hdf5)"
        ) from error
    except csv.Error as error:
        raise DataError(f"{path}: expected numbers separated by commas, got {error}") from error
    if not rows:
        raise DataError(f"{path}: expected rows of numbers, found none")
    return np.array(rows)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str) -> float | None:
    """The number in a cell, if it is finite."""
    value = float(cell) if _is_number(cell) else math.nan
    return value if abs(value) <= LARGEST else None


def _hint(cell: str) -> str:
    if ";" in cell:
        return "separate numbers by commas or white space, with a point for decimals"
    if cell.strip().lower() in _MISSING:
        return "a value is missing: fill it in, or drop the row"
    if _is_number(cell):
        return f"numbers go up to {LARGEST:g}: drop the row, or scale the column"
    return "names go in the first line only, where no cell is a number"
