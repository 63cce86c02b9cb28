"""The data that the entrants of a suite learn from."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path

from mac_control.demonstrations import Demonstrations, load_demonstrations
from mac_control.demonstrations.box import in_box_of
from mac_control.demonstrations.load import FOLDER_VARIABLE
from mac_control.envs.name import EnvName
from mac_control.errors import DataError, InputError
from mac_control.operators.spec import uses_demonstrations
from mac_control.parallel import Backend
from mac_control.suites.suite import Suite
from mac_control.training.batches import digest


def expect_used(suite: Suite, source: str | Path | None) -> None:
    """Check that a suite that makes its own data is not given what it would not look at.

    Raises:
        InputError: demonstrations that nobody follows, or parts of demonstrations.
    """
    if suite.data not in ("play", "collected"):
        return
    specs = [spec for block in suite.blocks for spec in block.operators]
    tracked = suite.data == "play" and any(uses_demonstrations(spec, True) for spec in specs)
    given = [("data", None if tracked else source, None)]
    for name, usual in (("folds", 1), ("run_folds", 1), ("demonstrations", None)):
        given.append((f"size.{name}", getattr(suite.size, name), usual))
    for name, value, usual in given:
        if value not in (None, usual):
            raise InputError(
                f"{name}: expected {'none' if usual is None else usual} in the suite {suite.name}, "
                f"which makes its own data, got {value}; leave it out"
            )


def source_data(suite: Suite, source: str | Path | None) -> Demonstrations | None:
    """The demonstrations that a suite starts from; None where it collects its own.

    Raises:
        DataError: they are missing.
    """
    if suite.data == "collected":
        return None
    if source is None and suite.source is not None:
        source = Path(os.environ.get(FOLDER_VARIABLE, ""), suite.source)
        if not source.exists():
            raise DataError(
                f"data: expected {suite.source} in the folder that {FOLDER_VARIABLE} names, got "
                f"nothing at {source}; set {FOLDER_VARIABLE}, or give --data"
            )
    found = load_demonstrations(source)
    env = _env(suite)
    if env is None:
        return found
    from mac_control.envs import make_env, robot_of

    made = make_env(env)
    provenance = {**found.provenance, "env": env.to_json(made)}
    found = in_box_of(replace(found, provenance=provenance), robot_of(made))
    made.close()
    return found


def _env(suite: Suite) -> EnvName | None:
    return None if suite.env_name is None else EnvName(suite.env_name, dict(suite.env))


def training_data(
    suite: Suite, seen: Demonstrations | None, folder: Path, workers: int | Backend | None
) -> Demonstrations:
    """The demonstrations themselves, or episodes made from them once and kept in `folder`."""
    if suite.data == "raw":
        assert seen is not None
        return seen
    if suite.data == "robust":  # checks that finished ones are of the same demonstrations
        assert seen is not None
        _robust(suite, seen, folder, workers)
    elif not folder.exists():
        if suite.data == "collected":
            _collected(suite, folder, workers)
        else:
            _play(folder, suite.size.made, workers)
    return load_demonstrations(folder)  # as written, so that a second run has the same data


def _robust(
    suite: Suite, seen: Demonstrations, folder: Path, workers: int | Backend | None
) -> None:
    from mac_control.collection.augment import Disturbance, plan, simulate
    from mac_control.collection.generate import generate_dataset

    disturbance, episodes = Disturbance(**suite.disturbance), suite.size.made
    settings = {"episodes": episodes, "seed": 0, "disturbance": asdict(disturbance)}
    settings["source"] = {**seen.provenance, "content": digest(seen)}  # which fold is held out
    if suite.size.demonstrations is not None:
        settings["demonstrations"] = suite.size.demonstrations
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


def _collected(suite: Suite, folder: Path, workers: int | Backend | None) -> None:
    from mac_control.collection.collect import collect_dataset

    env = _env(suite)
    assert env is not None
    collect_dataset(env, folder, suite.size.made, seed=0, workers=workers, **suite.collected)
