"""Loads demonstrations from any source: a file, a Minari data set, the package's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.demonstrations.d4rl import read_d4rl, read_d4rl_dict, read_d4rl_env
from mac_control.demonstrations.episode import Demonstrations
from mac_control.demonstrations.lerobot.meta import Choice, is_lerobot
from mac_control.demonstrations.npz import read_npz
from mac_control.errors import DataError, InputError
from mac_control.files import user_path

#: Environment variable that names a folder with data files.
FOLDER_VARIABLE = "MAC_CONTROL_DATA"
_LIST = "'mac-control data list' shows what there is"


def load_demonstrations(
    source: str | Path | Mapping[str, Any] | None = None,
    *,
    tasks: str | Sequence[str] | None = None,
    obs: str = "positions",
    failed: bool = False,
) -> Demonstrations:
    """Demonstrations from any source.

    Args:
        source: an HDF5 file of D4RL's layout; an `.npz` of arrays; a Minari data set, as an id
            (`D4RL/kitchen/mixed-v2`, downloaded where it is not on this machine) or a folder; a
            D4RL kitchen name (`kitchen-mixed-v0`) whose file is in the data folder; `d4rl:NAME`,
            through the package d4rl, or the dictionary its `get_dataset()` returns; the folder of
            a LeRobotDataset, also `FOLDER:state=FEATURE,...:action=FEATURE`; `builtin`.
            None: the first found of a kitchen file in the folder $MAC_CONTROL_DATA, a Minari
            kitchen data set on this machine, and the built-in demonstrations.
        tasks: subtasks that are rewarded, or `complete`, `partial`, `mixed`; default: those of
            the source.
        obs: entries of kitchen observations: `"positions"` (30), or `"full"` (59, with velocities)
            where they are recorded; or `"recorded"`: whichever of the two was recorded.
        failed: keep episodes marked as failed; otherwise they are left out, with a note on
            stderr.

    Raises:
        DataError: the source is missing, damaged or of another layout, or all episodes failed.
        InputError: `tasks` or `obs` is not one of the above.
    """
    from mac_control.envs.kitchen.robot import checked_tasks

    if obs not in ("positions", "full", "recorded"):
        raise InputError(f"obs: expected 'positions', 'full' or 'recorded', got {obs!r}")
    names = checked_tasks(tasks) if tasks is not None else None
    found = read_d4rl_dict(source, obs) if isinstance(source, Mapping) else _read(source, obs)
    if names is not None:
        provenance = found.provenance | {"tasks": list(names)}
        if found.provenance.get("env", {}).get("id") == "kitchen":
            env = found.provenance["env"]
            provenance["env"] = {**env, "options": {**env["options"], "tasks": list(names)}}
        found = replace(found, tasks=names, provenance=provenance)
    return found if failed else _without_failed(found)


def _without_failed(found: Demonstrations) -> Demonstrations:
    if not (count := int(found.failed.sum())):
        return found
    name = found.provenance.get("source")
    if count == len(found):
        raise DataError(f"{name}: expected an episode that did not fail, got {count} that did")
    print(f"{name}: {count} of {len(found)} episodes are left out: failed", file=sys.stderr)
    return found.select(np.flatnonzero(~found.failed).tolist())


def find_source() -> Path | str:
    """The default source of `load_demonstrations()`.

    Raises:
        DataError: there is none; the message says how to get demonstrations.
    """
    from mac_control.envs.kitchen.data import is_kitchen

    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        files = kitchen_files(Path(folder))
        if files:
            return files[0]
    from mac_control.demonstrations.minari_read import local_datasets

    kitchens = [name for name, metadata in local_datasets().items() if is_kitchen(metadata)]
    if kitchens:  # D4RL's complete-v2 before mixed and partial
        return min(kitchens, key=lambda name: (not name.startswith("D4RL/"), name))
    return builtin_path()


def kitchen_files(folder: Path) -> list[Path]:
    """HDF5 files in a folder that are recognised by name; `complete` before the others.

    Raises:
        DataError: there is no such folder.
    """
    from mac_control.envs.kitchen.data import kitchen_name

    if not folder.is_dir():
        raise DataError(
            f"{FOLDER_VARIABLE}: expected a folder, got {str(folder)!r}; set it to one, or unset it"
        )
    files = [p for p in sorted(folder.glob("*.hdf5")) if kitchen_name(p.name)]
    order = ("complete", "mixed", "partial")
    return sorted(files, key=lambda p: order.index(kitchen_name(p.name) or "mixed"))


def builtin_path() -> Path:
    """The demonstrations that come with the package.

    Raises:
        DataError: this installation has none; the message says which data are needed.
    """
    for path in sorted((Path(__file__).parent / "builtin").glob("*.hdf5")):
        return path
    raise DataError(
        "demonstrations: expected a source, found none: set MAC_CONTROL_DATA to a folder with a "
        "D4RL kitchen file, run 'mac-control data download kitchen-complete-v0', or give a file "
        "or a Minari id such as D4RL/kitchen/complete-v2"
    )


def local_path(source: str | Path | None = None) -> Path:
    """The file or folder of a source; a Minari data set not on this machine is fetched.

    `source` is as in `load_demonstrations`, except for data read by the package d4rl.

    Raises:
        DataError: there is no such file or data set.
    """
    from mac_control.demonstrations.download import download_minari
    from mac_control.demonstrations.minari_read import DATASET_ID, minari_folder
    from mac_control.envs.kitchen.data import D4RL_FILES

    source = find_source() if source is None else source
    path, text = user_path(source), str(source)
    if path.is_file():
        return path
    folder = minari_folder(source)
    if folder:
        return folder
    if is_lerobot(source):
        return Choice.parse(source).folder
    if isinstance(source, Path):
        raise DataError(
            f"{source}: expected an HDF5 file or a Minari folder, found nothing there; {_LIST}"
        )
    if text == "builtin":
        return builtin_path()
    if text in D4RL_FILES:
        return _d4rl_file(text)
    if DATASET_ID.fullmatch(text):
        return download_minari(text)
    raise DataError(
        f"{text!r}: expected an HDF5 file, a Minari id or folder, an .npz file, a LeRobotDataset's "
        f"folder, builtin, or one of {', '.join(D4RL_FILES)}, found "
        f"{'another folder' if path.is_dir() else 'no such thing'}; {_LIST}"
    )


def _read(source: str | Path | None, obs: str) -> Demonstrations:
    if isinstance(source, str) and source.startswith("d4rl:"):
        return read_d4rl_env(source.removeprefix("d4rl:"), obs)
    if source is not None and is_lerobot(source):
        from mac_control.demonstrations.lerobot.read import read_lerobot

        return read_lerobot(source)
    path = local_path(source)
    if path.is_file():
        return (read_npz if path.suffix == ".npz" else read_d4rl)(path, obs)
    from mac_control.demonstrations.minari_read import read_minari

    return read_minari(path, obs)


def _d4rl_file(name: str) -> Path:
    """The file of a D4RL name, in our data folder or in that of d4rl."""
    from mac_control.envs.kitchen.data import D4RL_FILES

    folders = [Path.home() / ".d4rl" / "datasets"]
    if os.environ.get(FOLDER_VARIABLE):
        folders.insert(0, Path(os.environ[FOLDER_VARIABLE]))
    for folder in folders:
        if (folder / D4RL_FILES[name]).is_file():
            return folder / D4RL_FILES[name]
    raise DataError(
        f"{name}: expected {D4RL_FILES[name]} in {' or '.join(map(str, folders))}, "
        f"found no such file; 'mac-control data download {name}' fetches it"
    )
