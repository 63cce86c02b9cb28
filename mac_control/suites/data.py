"""What the entrants of a suite learn from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from mac_control.demonstrations import Demonstrations, load_demonstrations
from mac_control.parallel import Backend
from mac_control.suites.suite import Suite


def training_data(
    suite: Suite, seen: Demonstrations, folder: Path, workers: int | Backend | None
) -> Demonstrations:
    """The demonstrations themselves, or episodes made from them (once: they stay in `folder`)."""
    if suite.data == "raw":
        return seen
    if not folder.exists():
        if suite.data == "robust":
            _robust(seen, folder, suite.size.made, workers)
        else:
            _play(folder, suite.size.made, workers)
    return load_demonstrations(folder)  # as written: the same the second time


def _robust(
    seen: Demonstrations, folder: Path, episodes: int, workers: int | Backend | None
) -> None:
    from mac_control.collection.augment import Disturbance, plan, simulate
    from mac_control.collection.generate import generate_dataset

    disturbance = Disturbance()
    settings = {"episodes": episodes, "seed": 0, "disturbance": asdict(disturbance)}
    settings["source"] = seen.provenance
    items = plan(seen, disturbance, episodes, seed=0)
    about = {"made_by": "suite", "env": seen.provenance.get("env")}
    generate_dataset(simulate, items, folder, settings, seen.tasks, about, seen.robot, workers)


def _play(folder: Path, episodes: int, workers: int | Backend | None) -> None:
    from mac_control.collection.generate import generate_dataset
    from mac_control.envs.kitchen.collect import Collection, collect, wanted  # needs mink

    collection = Collection(orders="play")
    settings = {"episodes": episodes, "seed": 0, "collection": asdict(collection)}
    items = wanted(collection, episodes, seed=0)
    generate_dataset(
        collect,
        items,
        folder,
        settings,
        collection.tasks,
        collection.about("suite"),
        collection.robot,
        workers,
    )
