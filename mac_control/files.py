"""Files that are either whole or absent: atomic writes, checksums."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Whose a temporary is stands in its name: what a killed process left can be told and removed.
_NODE = re.sub(r"\W", "", platform.node())
_TEMPORARY = re.compile(rf"\.(.*)~(\d+)@{_NODE}~\w+(\..*)?")
_OLD = "replaced"
_swept: set[tuple[int, Path]] = set()


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path in the same folder that replaces `path` when the block ends well.

    A half-written file never replaces a good one: on any exception the temporary is removed, and
    after a kill by the next process that writes into the folder.
    """
    path = Path(path)
    # The ending stays the same: some writers choose the format by it.
    handle, name = tempfile.mkstemp(path.suffix, *_beside(path, path.stem))
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)  # on disk before the rename, or a crash leaves it empty
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes it private
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: str | Path) -> Iterator[Path]:
    """A temporary folder beside `folder` that becomes it, or replaces it, as `atomic_path` does."""
    folder = Path(folder)
    temporary = temporary_folder(folder)
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())  # mkdtemp makes it private
        for path in temporary.rglob("*"):
            if path.is_file():
                _sync(path)
        if folder.exists():
            old = temporary_folder(folder)
            os.replace(folder, old / _OLD)
            os.replace(temporary, folder)
            shutil.rmtree(old)
        else:
            os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def temporary_folder(beside: Path) -> Path:
    """A new folder beside a path; the next process removes it where this one is killed."""
    return Path(tempfile.mkdtemp("", *_beside(beside, beside.name)))


def sweep(folder: Path) -> None:
    """Remove the temporaries in `folder` of processes that were killed; once in this process."""
    if (os.getpid(), folder) in _swept:
        return
    _swept.add((os.getpid(), folder))
    for found in folder.iterdir():
        owner = _TEMPORARY.fullmatch(found.name)
        if owner and not _runs(int(owner[2])):
            _remove(found, folder / owner[1])


def _beside(path: Path, name: str) -> tuple[str, Path]:
    """How a temporary beside `path` begins, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    return f".{name}~{os.getpid()}@{_NODE}~", path.parent


def _remove(temporary: Path, meant: Path) -> None:
    """Remove what a killed process left; a folder that it was about to replace is put back."""
    if not temporary.is_dir():
        temporary.unlink(missing_ok=True)
        return
    if (temporary / _OLD).exists() and not meant.exists():
        os.replace(temporary / _OLD, meant)
    shutil.rmtree(temporary, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _sync(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | Path, text: str) -> None:
    """Write `text` atomically as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` atomically as strict JSON (a NaN is an error, not an invalid file)."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def sha256(path: str | Path) -> str:
    """Checksum of a file, read in blocks."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
