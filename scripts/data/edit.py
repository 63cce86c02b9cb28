"""Deletes, splits and merges episodes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Args:
    """Delete, split and merge episodes into a new data set, which is complete or not there.

    Numbers are those of the episodes before any edit (`data info`, from 0 on). A LeRobotDataset
    gives another one, without videos; any other data give a Minari data set. Observations,
    actions, rewards, subtasks, executed actions and given masks are kept.
    """

    data: str
    """An HDF5 file, a Minari id or folder, a LeRobotDataset's folder, a D4RL kitchen name."""
    out: str
    """A new folder, or a Minari id."""
    delete: str | None = None
    """Episodes to leave out, such as 3,7."""
    split: str | None = None
    """Episodes to cut in two, EPISODE:FRAME each, the second part beginning there: 4:120,9:30."""
    merge: str | None = None
    """Episodes to put together, such as 5+6,8+9+10."""
    overwrite: bool = False
    """Replace what is at out, even if it is the input."""


def main(args: Args) -> int | None:
    from mac_control.demonstrations import load_demonstrations, save_lerobot, save_minari
    from mac_control.demonstrations.edit import edited
    from mac_control.demonstrations.lerobot.meta import is_lerobot
    from mac_control.errors import InputError
    from mac_control.options import numbers

    if args.delete is None and args.split is None and args.merge is None:
        raise InputError("edit: expected --delete, --split or --merge, got none")
    cuts: dict[int, int] = {}
    for text in args.split.split(",") if args.split else ():
        pair = numbers("split", text.replace(":", ",", 1))
        if len(pair) != 2 or pair[0] in cuts:
            raise InputError(
                f"split: expected EPISODE:FRAME, each episode once, got {args.split!r}"
            )
        cuts[pair[0]] = pair[1]
    groups = args.merge.split(",") if args.merge else []
    before = load_demonstrations(args.data, obs="recorded", failed=True)
    after = edited(
        before,
        delete=numbers("delete", args.delete) if args.delete else (),
        split=cuts,
        merge=[numbers("merge", text.replace("+", ",")) for text in groups],
    )
    save = save_lerobot if is_lerobot(args.data) else save_minari
    print(save(after, args.out, overwrite=args.overwrite))
    print(f"{len(before)} episodes before, {len(after)} now, {int(after.lengths.sum()):,} steps")
    return 0
