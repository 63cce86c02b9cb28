"""Checksums of files and folders."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def sha256(path: str | Path) -> str:
    """Checksum of a file, read in blocks."""
    digest = hashlib.sha256()
    _read_into(digest, path)
    return digest.hexdigest()


def folder_sha256(folder: Path, parts: Sequence[str]) -> str:
    """Checksum over these folders in a folder: the name and content of each file."""
    digest = hashlib.sha256()
    for part in parts:
        for path in sorted((folder / part).rglob("*")):
            if path.is_file():
                digest.update(path.relative_to(folder).as_posix().encode())
                _read_into(digest, path)
    return digest.hexdigest()


def _read_into(digest: Any, path: str | Path) -> None:
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
