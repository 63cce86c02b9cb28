"""Converts between D4RL's HDF5 layout, Minari and LeRobot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass
class Args:
    """Convert between D4RL's HDF5 layout, Minari and LeRobot.

    From HDF5 to Minari and back every array is the same, bit for bit. From any other Minari data
    set every number is kept except the row of goals and infos after the last action. To and from
    LeRobot, observations, actions, rewards, subtasks, executed actions and given masks are kept.
    """

    data: str
    """An HDF5 file, an .npz, a Minari id or folder, or the folder of a LeRobotDataset."""
    out: str
    """A new Minari id or folder, a new folder, or a new file that ends in .hdf5."""
    to: Literal["minari", "hdf5", "lerobot"] | None = None
    """The new format; None: hdf5 if out ends in .hdf5, otherwise minari."""
    fps: float | None = None
    """Control rate [Hz] for LeRobot; None: as the data say."""
    task: str | None = None
    """What the robot does, in words, for LeRobot, without subtasks; None: as the data say."""


def main(args: Args) -> int | None:
    from pathlib import Path

    from mac_control.demonstrations import load_demonstrations, save_lerobot, save_minari
    from mac_control.demonstrations.convert import hdf5_to_minari, minari_to_hdf5
    from mac_control.demonstrations.lerobot.meta import is_lerobot
    from mac_control.demonstrations.load import local_path
    from mac_control.errors import InputError

    file = args.out.endswith((".hdf5", ".h5"))
    to = args.to or ("hdf5" if file else "minari")
    if (to == "hdf5") != file:
        raise InputError(
            f"out: expected a {'file that ends in .hdf5' if to == 'hdf5' else 'folder'}, "
            f"got {args.out!r}"
        )
    if to == "lerobot":
        read = load_demonstrations(args.data, obs="recorded", failed=True)
        print(save_lerobot(read, args.out, fps=args.fps, task=args.task))
        return 0
    if args.fps is not None or args.task is not None:
        raise InputError("fps, task: expected none without --to lerobot, for only that has them")
    if is_lerobot(args.data) or args.data.endswith(".npz"):
        if to == "hdf5":
            raise InputError(
                f"to: expected minari or lerobot for {args.data}, got hdf5; convert it to Minari "
                "first, then that folder to HDF5"
            )
        read = load_demonstrations(args.data, obs="recorded", failed=True)
        print(save_minari(read, args.out))
        return 0
    path = local_path(args.data)
    if (to == "hdf5") == path.is_file():
        expected = "a Minari id or folder" if path.is_file() else "a file that ends in .hdf5"
        raise InputError(f"out: expected {expected} for {path}, got {args.out!r}")
    if to == "hdf5" and Path(args.out).exists():
        raise InputError(f"out: expected a name that is free, got {args.out}, which exists")
    print(minari_to_hdf5(path, args.out) if to == "hdf5" else hdf5_to_minari(path, args.out))
    return 0
