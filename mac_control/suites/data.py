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
    from mac_control.collection.gather import gather

    disturbance = Disturbance()
    settings = {"episodes": episodes, "seed": 0, "disturbance": asdict(disturbance)}
    settings["source"] = seen.provenance
    items = plan(seen, disturbance, episodes, seed=0)
    gather(simulate, items, folder, settings, seen.tasks, {"made_by": "suite"}, workers)


def _play(folder: Path, episodes: int, workers: int | Backend | None) -> None:
    from mac_control.collection.collect import Collection, collect, wanted  # needs mink
    from mac_control.collection.gather import gather

    collection = Collection(orders="play")
    settings = {"episodes": episodes, "seed": 0, "collection": asdict(collection)}
    items = wanted(collection, episodes, seed=0)
    gather(collect, items, folder, settings, collection.tasks, {"made_by": "suite"}, workers)
