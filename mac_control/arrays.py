"""Plain arrays from npz files of any origin: nothing in them is unpickled."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from mac_control.errors import DataError, first_line

_DAMAGE = (
    OSError,
    AttributeError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def npz_arrays(
    path: str | Path,
    names: Collection[str] | None = None,
    expected: str = "a whole npz file of arrays",
) -> dict[str, np.ndarray]:
    """The arrays of an npz file, or those of these names that it has.

    Args:
        path: the file.
        names: the arrays to read; None: all.
        expected: what the file should be, for the error message.

    Raises:
        DataError: the file is missing, damaged, or not of plain arrays.
    """
    try:
        # Opened here: numpy leaves a file open if it is not a complete zip.
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {n: file[n] for n in file.files if names is None or n in names}
    except _DAMAGE as error:
        # What numpy says of pickled objects advises to trust the file.
        pickled = isinstance(error, ValueError) and "pickle" in str(error)
        got = "something else: pickled objects, or no npz file" if pickled else first_line(error)
        raise DataError(f"{path}: expected {expected}, got {got}") from error
