"""Folders that all machines of a cluster must see."""

from __future__ import annotations

import platform
from pathlib import Path

from mac_control.errors import InputError


def expect_shared(folder: Path) -> None:
    """Refuse to go on without a folder that was there where the work was given out.

    Raises:
        InputError: this machine does not have it.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: expected a folder that every machine of the cluster shares, at the same "
            f"path; {platform.node()} has none"
        )
