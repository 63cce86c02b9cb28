"""Makes the demonstrations that come with the package.

Run as `python -m mac_control.envs.kitchen.builtin`.

Numbers are rounded so that they compress: observations to 1/1024, a tenth of the noise on the
observed joints, and actions to 1/512, a tenth of the noise injected or less. They are kept in
half precision, in which such numbers up to 2 are exact; up to 4 they are rounded to 1/512.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from mac_control import demonstrations as _package
from mac_control.cli import run
from mac_control.demonstrations import Demonstrations
from mac_control.envs.kitchen.collect import Collection, collect, wanted
from mac_control.files import atomic_path
from mac_control.parallel import run_many

PATH = Path(_package.__file__).parent / "builtin" / "kitchen-complete-scripted.hdf5"


@dataclass
class Args:
    """Recreate the built-in demonstrations."""

    out: Path = PATH
    """file to write, in D4RL's layout"""
    episodes: int = 250
    """episodes of the scripted expert, in the order of `complete`"""
    seed: int = 0
    """seed of everything that is drawn"""
    workers: int | None = None
    """processes; every core by default"""


def main(args: Args) -> None:
    collection = Collection()
    items = wanted(collection, args.episodes, args.seed)
    made = dict(tqdm(run_many(collect, items, args.workers), total=len(items), unit="episode"))
    episodes = [made[i] for i in range(len(items)) if made[i] is not None]
    settings = {"episodes": args.episodes, "seed": args.seed, "collection": asdict(collection)}
    provenance = {
        **collection.about("python -m mac_control.envs.kitchen.builtin"),
        "settings": settings,
        "rounded": {"observations": 1 / 1024, "actions": 1 / 512},
    }
    write(Demonstrations(episodes, collection.tasks, provenance, collection.robot), args.out)
    print(f"{len(episodes)} episodes, {args.out.stat().st_size / 1e6:.2f} MB: {args.out}")


def write(demonstrations: Demonstrations, path: Path) -> None:
    """Write demonstrations in D4RL's layout, in half precision and compressed."""
    ends = np.cumsum([len(episode) for episode in demonstrations]) - 1
    terminals = np.zeros(ends[-1] + 1, bool)
    terminals[ends] = True
    subtasks = np.concatenate([episode.subtasks for episode in demonstrations])
    columns = {
        "observations": rounded(demonstrations.observations, 1024),
        "actions": rounded(demonstrations.actions, 512),
        "executed": rounded(demonstrations.executed, 512),
        "rewards": rounded(np.concatenate([e.rewards for e in demonstrations]), 1),
        "terminals": terminals,
        "subtasks": subtasks.astype(np.bytes_),
    }
    about = {"tasks": demonstrations.tasks, "provenance": demonstrations.provenance}
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["mac_control"] = json.dumps(about)
        for name, values in columns.items():
            file.create_dataset(
                name,
                data=values,
                compression="gzip",
                compression_opts=9,
                shuffle=True,
                track_times=False,
            )


def rounded(values: np.ndarray, parts: int) -> np.ndarray:
    """Half precision, on multiples of `1 / parts` where it has them.

    Example:
        >>> rounded(np.array([0.1234, -1.0]), 512).tolist()
        [0.123046875, -1.0]
    """
    return (np.round(values * parts) / parts).astype(np.float16)


if __name__ == "__main__":
    run(main)
