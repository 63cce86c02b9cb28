"""Downloads data sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass
class Args:
    """Download a Minari data set by id, or a D4RL kitchen file by name or address.

    A broken download resumes where it broke; a file appears only when it is complete.
    """

    name: Annotated[str, tyro.conf.Positional]
    """A Minari id such as D4RL/kitchen/mixed-v2, kitchen-mixed-v0, or an http(s) address."""
    out: Path | None = None
    """Folder for a D4RL file; None: $MAC_CONTROL_DATA, otherwise ~/.d4rl/datasets."""
    sha256: str | None = None
    """Checksum that a D4RL file must have."""
    force: bool = False
    """Download again what is there."""


def main(args: Args) -> int | None:
    import os
    from urllib.parse import unquote, urlsplit

    from mac_control.checksums import sha256
    from mac_control.demonstrations.download import download_file, download_minari
    from mac_control.demonstrations.load import FOLDER_VARIABLE
    from mac_control.demonstrations.minari_read import DATASET_ID
    from mac_control.envs.kitchen.data import D4RL_FILES, D4RL_URL
    from mac_control.errors import DataError, InputError

    if args.name in D4RL_FILES or args.name.startswith(("http://", "https://")):
        named = args.name in D4RL_FILES
        url = D4RL_URL + D4RL_FILES[args.name] if named else args.name
        default = os.environ.get(FOLDER_VARIABLE) or Path.home() / ".d4rl" / "datasets"
        file = unquote(urlsplit(url).path.rsplit("/", 1)[-1])
        if not file or file != Path(file).name:
            raise InputError(f"name: expected the address of a file, got {args.name!r}")
        path = Path(args.out or default) / file
        if args.force or not path.exists():
            download_file(url, path, args.sha256)
        elif args.sha256 and (found := sha256(path)) != args.sha256.lower():
            raise DataError(
                f"{path}: expected SHA-256 {args.sha256}, got {found}; --force fetches it again"
            )
        print(path)
    elif DATASET_ID.fullmatch(args.name):
        print(download_minari(args.name, args.force))
    else:
        raise InputError(
            f"name: expected a Minari id, an http(s) address or one of {', '.join(D4RL_FILES)}, "
            f"got {args.name!r}"
        )
    return 0
