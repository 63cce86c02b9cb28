"""Converts between D4RL's HDF5 layout and Minari."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Args:
    """Convert between D4RL's HDF5 layout and Minari.

    From HDF5 to Minari and back every array is the same, bit for bit. From any other Minari data
    set every number is kept but the row after the last action of goals and infos.
    """

    data: str
    """An HDF5 file, or a Minari id or folder."""
    out: str
    """A new Minari id or folder, or a new file that ends in .hdf5."""


def main(args: Args) -> int | None:
    from pathlib import Path

    from mac_control.demonstrations.convert import hdf5_to_minari, minari_to_hdf5
    from mac_control.demonstrations.load import local_path
    from mac_control.errors import InputError

    path = local_path(args.data)
    to_hdf5 = args.out.endswith((".hdf5", ".h5"))
    if to_hdf5 == path.is_file():
        expected = "a Minari id or folder" if path.is_file() else "a file that ends in .hdf5"
        raise InputError(f"out: expected {expected} for {path}, got {args.out!r}")
    if to_hdf5 and Path(args.out).exists():
        raise InputError(f"out: expected a name that is free, got {args.out}, which exists")
    print(minari_to_hdf5(path, args.out) if to_hdf5 else hdf5_to_minari(path, args.out))
    return 0
