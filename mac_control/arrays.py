"""Plain arrays in npz files, wherever they come from: nothing in them is unpickled."""

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
        path: of the file.
        names: of the arrays to read; None: all.
        expected: what the file should have been, for the sentence where it is not.

    Raises:
        DataError: no such file, damaged, or not of plain arrays.
    """
    try:
        # Opened here: numpy leaves a file open that is no whole zip.
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {n: file[n] for n in file.files if names is None or n in names}
    except _DAMAGE as error:
        raise DataError(f"{path}: expected {expected}, got {first_line(error)}") from error
