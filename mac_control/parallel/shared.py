"""Folders that all machines of a cluster must see."""

from __future__ import annotations

import platform
from pathlib import Path

from mac_control.errors import InputError


def expect_shared(folder: Path) -> None:
    """Check that this machine has a folder of the machine that handed out the work.

    Raises:
        InputError: it does not.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: expected a folder that every machine of the cluster shares, at the same "
            f"path; {platform.node()} has none"
        )
