"""Looks for faults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Args:
    """Look for faults in demonstrations, and name each with its episode and step.

    The exit status is 1 if there is any.
    """

    data: str | None = None
    """An HDF5 file, a Minari id or folder, a LeRobotDataset's folder, a D4RL kitchen name; None:
    searched."""


def main(args: Args) -> int | None:
    from mac_control.demonstrations import load_demonstrations
    from mac_control.demonstrations.faults import find_faults
    from mac_control.demonstrations.load import local_path
    from mac_control.errors import DataError

    path = local_path(args.data)
    faults = list(find_faults(path))
    if not faults:
        try:  # faults that only the reader detects
            demonstrations = load_demonstrations(path, failed=True)
        except DataError as error:
            faults.append(str(error))
    for fault in faults:
        print(fault)
    if faults:
        print(f"{path}: {len(faults)} fault{'s' * (len(faults) != 1)}")
        return 1
    steps = sum(map(len, demonstrations))
    count = len(demonstrations)
    print(f"{path}: no faults in {count} episode{'s' * (count != 1)}, {steps:,} steps")
    return 0
