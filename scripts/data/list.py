"""Lists demonstrations."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Args:
    """List the demonstrations on this machine, and what can be downloaded."""


def main(args: Args) -> int | None:
    from mac_control.demonstrations.load import (
        FOLDER_VARIABLE,
        builtin_path,
        find_source,
        kitchen_files,
    )
    from mac_control.demonstrations.minari_read import local_datasets, minari_root
    from mac_control.envs.kitchen.data import D4RL_FILES, kitchen_name
    from mac_control.errors import DataError

    folder = os.environ.get(FOLDER_VARIABLE)
    print(f"files in ${FOLDER_VARIABLE} ({folder or 'not set'})")
    for path in kitchen_files(Path(folder)) if folder else []:
        print(f"  {path.name}  kitchen-{kitchen_name(path.name)}-v0, {path.stat().st_size:,} bytes")
    print(f"Minari data sets in {minari_root()}")
    for name, metadata in local_datasets().items():
        print(f"  {name}  {metadata.get('total_episodes')} episodes")
    print("with the package")
    try:
        print(f"  builtin  {builtin_path().stat().st_size:,} bytes")
    except DataError:
        print("  nothing")
    print("to download, with 'mac-control data download NAME'")
    print(f"  {', '.join(D4RL_FILES)}; any Minari id, such as D4RL/kitchen/mixed-v2")
    try:
        print(f"used where no --data is given: {find_source()}")
    except DataError as error:
        print(f"used where no --data is given: nothing ({error})")
    return 0
