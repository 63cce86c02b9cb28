"""Atomic writes: files are either complete or absent."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from mac_control.disk import writing
from mac_control.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# A temporary's name says which process made it, so that leftovers of killed ones can be removed.
_NODE = re.sub(r"\W", "", platform.node())
_TEMPORARY = re.compile(rf"\.(.*)~(\d+)@{_NODE}~\w+(\..*)?")
_OLD = "replaced"
_swept: set[tuple[int, Path]] = set()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let only one process at a time into such a block for a folder.

    The folder itself is locked, which leaves nothing behind, even after a kill. Where the system
    cannot do that (Windows, some network file systems), a file `.lock` in it is locked.
    """
    handle = None
    if fcntl is not None:
        try:
            handle = os.open(folder, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            if handle is not None:
                os.close(handle)
            handle = None
    if handle is None:
        from filelock import FileLock

        with FileLock(folder / ".lock"):
            yield
        return
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def locked_or_new(folder: Path, whole: str) -> Iterator[None]:
    """As `locked`, for a folder that has its file `whole` from the moment that it is there.

    Where it is not there yet, only one process at a time may make it.

    Raises:
        DiskError: its parent cannot be made.
    """
    with ExitStack() as stack:
        if not (folder / whole).exists():
            with writing(folder):
                folder.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder.parent))
        if (folder / whole).exists():  # perhaps another process has made it meanwhile
            stack.enter_context(locked(folder))
        yield


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A temporary path in the same folder that replaces `path` when the block succeeds.

    A half-written file never replaces a good one: the temporary is removed on any exception, and
    after a kill by the next process that writes into the folder.

    Raises:
        DiskError: the disk is full, or the folder cannot be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: expected a file or nothing, found a folder; name a file in it")
    # A device or a pipe, such as /dev/null, is written to, not replaced.
    is_special = path.exists() and not (path.is_file() or path.is_dir())
    with writing(path):
        # The suffix stays the same: some writers choose the format by it.
        beside = (None, None) if is_special else _beside(path, path.stem)
        handle, name = tempfile.mkstemp(path.suffix, *beside)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            if is_special:
                path.write_bytes(temporary.read_bytes())
                return
            _sync(temporary)  # on disk before the rename; otherwise a crash may leave it empty
            temporary.chmod(0o666 & ~_umask())  # mkstemp makes it private
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: str | Path) -> Iterator[Path]:
    """A temporary folder beside `folder` that becomes it, or replaces it, as `atomic_path` does.

    Raises:
        InputError: there is a file of that name.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected a folder or nothing, found a file")
    with writing(folder):
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


@contextmanager
def atomic_files(folder: str | Path, names: Sequence[str]) -> Iterator[Path]:
    """A temporary folder beside `folder`; its files `names` move there when the block succeeds.

    They move one right after the other, in this order: what a kill between two leaves must be
    valid too. A process that lists `folder` meanwhile never sees a half-written file.
    """
    folder = Path(folder)
    with writing(folder):
        temporary = temporary_folder(folder)
        try:
            yield temporary
            for name in names:
                _sync(temporary / name)
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            for name in names:
                os.replace(temporary / name, folder / name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def temporary_folder(beside: Path) -> Path:
    """A new folder beside a path; if this process is killed, the next one removes it."""
    return Path(tempfile.mkdtemp("", *_beside(beside, beside.name)))


def sweep(folder: Path) -> None:
    """Remove the temporaries of killed processes in `folder`, once per process."""
    if (os.getpid(), folder) in _swept:
        return
    _swept.add((os.getpid(), folder))
    for found in folder.iterdir():
        owner = _TEMPORARY.fullmatch(found.name)
        if owner and not _runs(int(owner[2])):
            _remove(found, folder / owner[1])


def _beside(path: Path, name: str) -> tuple[str, Path]:
    """Prefix of a temporary beside `path`, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    return f".{name}~{os.getpid()}@{_NODE}~", path.parent


def _remove(temporary: Path, meant: Path) -> None:
    """Remove what a killed process left; put back a folder that it was about to replace."""
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
    except OSError:  # it is another user's process
        return True
    return True


def _sync(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def user_path(path: str | Path) -> Path:
    """A path with `~` expanded to the home folder, unless there is a file of that very name.

    Example:
        >>> user_path("runs/~1").name
        '~1'
    """
    path = Path(path)
    if path.exists():
        return path
    try:
        return path.expanduser()
    except RuntimeError:  # `~name`, but there is no such user
        return path


def write_text(path: str | Path, text: str) -> None:
    """Write `text` atomically as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` atomically as strict JSON (a NaN is an error, not an invalid file)."""
    write_text(path, json_text(value) + "\n")


def json_text(value: Any) -> str:
    """Strict JSON with a line for each entry of an object, and for each row of a list of rows.

    Example:
        >>> print(json_text({"seed": 0, "rows": [{"a": 1}, {"a": 2}]}))
        {
          "seed": 0,
          "rows": [
            {"a": 1},
            {"a": 2}
          ]
        }
    """

    return _rendered(value, "")


def _rendered(value: Any, margin: str) -> str:
    inner = margin + "  "
    if isinstance(value, dict) and value and (not margin or _has_rows(value)):
        pairs = [f"{inner}{json.dumps(k)}: {_rendered(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(pairs) + f"\n{margin}}}"
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return "[\n" + ",\n".join(inner + _rendered(v, inner) for v in value) + f"\n{margin}]"
    return json.dumps(value, allow_nan=False)


def _has_rows(value: Any) -> bool:
    """Whether a list of objects is somewhere in it."""
    if isinstance(value, dict):
        return any(map(_has_rows, value.values()))
    return isinstance(value, list) and any(isinstance(row, dict) for row in value)
