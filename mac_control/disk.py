"""What the system refuses to write, said in a sentence."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mac_control.errors import DiskError

#: Errors of the system where there is no room, and where writing is not allowed.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Turn what the system refuses within the block into an error about `path`.

    Raises:
        DiskError: the disk is full, or the folder cannot be written to.
    """
    try:
        yield
    except DiskError:
        raise
    except Exception as error:
        number = _refusal(error)
        if number is None:
            raise
        raise disk_error(path, OSError(number, os.strerror(number))) from error


def expect_room(folder: Path, size: int) -> None:
    """Raise an OSError, as the system would, unless `size` bytes can be written there.

    For HDF5, which without room goes on with a damaged file, or crashes.
    """
    while not folder.exists():
        folder = folder.parent
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def disk_error(path: str | Path, error: OSError) -> DiskError:
    """The error for what the system refused to do with a file."""
    number = _refusal(error)
    if number in _FULL:
        return DiskError(
            f"{path}: expected room to write, got none ({os.strerror(number)}); what was there is "
            "as it was; free some space, and give the same command again"
        )
    if number in _FORBIDDEN:
        return DiskError(
            f"{path}: expected to be allowed to write it, got {os.strerror(number)!r}; choose "
            "another folder, or have this one opened for writing"
        )
    why = error.strerror or " ".join(str(error).split())
    return DiskError(
        f"{path}: expected to read or write it, got {why!r}; choose another file or folder"
    )


def _refusal(error: BaseException) -> int | None:
    """The system's error number, however a library wrapped it."""
    seen: BaseException | None = error
    while seen is not None:
        for number in (*_FULL, *_FORBIDDEN):
            said = isinstance(seen, OSError) and seen.errno == number
            if said or os.strerror(number).lower() in str(seen).lower():
                return number
        seen = seen.__cause__ or seen.__context__
    return None
