"""Makes a data set of many simulated episodes, in parallel, safe against interruptions."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from tqdm import tqdm

from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations
from mac_control.demonstrations.minari_read import read_metadata
from mac_control.demonstrations.minari_write import save_minari, target_folder
from mac_control.errors import DataError, InputError
from mac_control.files import atomic_path, write_json
from mac_control.parallel import Backend, expect_shared, run_many
from mac_control.robot import Robot

Item = TypeVar("Item")


def generate_dataset(
    make_episode: Callable[[Item], Episode | None],
    items: Sequence[Item],
    out: str | Path,
    settings: dict[str, Any],
    tasks: Sequence[str] = (),
    provenance: dict[str, Any] | None = None,
    robot: Robot | None = None,
    workers: int | Backend | None = None,
) -> Demonstrations:
    """Make one episode per item and write them, in the order of the items, as a data set.

    A finished episode is saved at once, in the folder `shards(out)`: an interruption loses at most
    the episodes in progress, and a second call with the same settings resumes where the first
    stopped; a finished data set with these settings is read. The result depends only on the items,
    not on the workers.

    Args:
        make_episode: item -> episode, or None to leave it out; it and the items must pickle.
        items: one per episode to try.
        out: the Minari data set to write, an id or a folder.
        settings: JSON values that determine the episodes (seed, strength, ...).
        tasks: subtasks that the rewards count.
        provenance: what else to record; `settings` are recorded anyway.
        robot: the robot that is driven.
        workers: processes, or a backend, whose machines must share the folder; default: every
            core.

    Raises:
        InputError: `out` is something else, holds unfinished work with other settings, or is in
            a folder that workers do not see.
        DataError: every episode was left out.
    """
    final, folder = target_folder(out)[0], shards(out)
    settings = json.loads(json.dumps({**settings, "items": len(items)}))
    if final.exists():
        return _finished(final, folder, settings)
    _claim(folder, settings)
    # List the folder, rather than check each file: a shared folder may be cached for a while.
    made = set(folder.iterdir())
    todo = [(i, item) for i, item in enumerate(items) if _piece(folder, i) not in made]
    done = tqdm(total=len(items), initial=len(items) - len(todo), unit="episode", desc=final.name)
    try:
        with done:
            for _ in run_many(_Job(make_episode, folder), todo, workers):
                done.update()
    except BaseException:
        if not any(folder.glob("*.npz")):
            shutil.rmtree(folder, ignore_errors=True)  # it is empty, and other settings may follow
        raise
    made = [_load(_piece(folder, i)) for i in range(len(items))]
    episodes = [episode for episode in made if episode is not None]
    if not episodes:
        shutil.rmtree(folder)  # it has no episode, and other settings may follow
        raise DataError(
            f"{out}: expected an episode that succeeds, or reaches min_reward, got none in "
            f"{len(items)}; ask for a lower min_reward, or try more episodes"
        )
    demonstrations = Demonstrations(
        episodes, tuple(tasks), {**(provenance or {}), "settings": settings}, robot
    )
    save_minari(demonstrations, out)
    shutil.rmtree(folder)
    return demonstrations


def _finished(final: Path, folder: Path, settings: dict[str, Any]) -> Demonstrations:
    """The data set, where it was made with these settings; removes pieces that remain."""
    try:
        before = read_metadata(final)["mac_control"]["provenance"]["settings"]
    except (DataError, KeyError, TypeError):
        before = None
    if before != settings:
        raise InputError(
            f"out: expected a name that is free, or a data set of the same settings, got {final}"
        )
    shutil.rmtree(folder, ignore_errors=True)
    return load_demonstrations(final, obs="recorded")


def shards(out: str | Path) -> Path:
    """Folder of the finished episodes of an unfinished data set."""
    final = target_folder(out)[0]
    return final.with_name(f"{final.name}.pieces")


@dataclasses.dataclass(frozen=True)
class _Job:
    """Makes an episode and writes it, in the worker, so that no data travel back."""

    make_episode: Callable[[Any], Episode | None]
    folder: Path

    def __call__(self, indexed: tuple[int, Any]) -> None:
        index, item = indexed
        expect_shared(self.folder)
        _save(_piece(self.folder, index), self.make_episode(item))


def _claim(folder: Path, settings: dict[str, Any]) -> None:
    """Create the folder of pieces, or check that it was created with these settings."""
    file = folder / "settings.json"
    if not file.exists():
        write_json(file, settings)
        return
    before = json.loads(file.read_text(encoding="utf-8-sig"))
    if before != settings:
        changed = sorted(
            key for key in {*before, *settings} if before.get(key) != settings.get(key)
        )
        was, now = ({key: values.get(key) for key in changed} for values in (before, settings))
        raise InputError(
            f"{folder}: expected the settings that these unfinished episodes were made with, "
            f"{was}, got {now}; use those, another name, or delete this folder"
        )


def _piece(folder: Path, index: int) -> Path:
    return folder / f"{index:06d}.npz"


def _save(path: Path, episode: Episode | None) -> None:
    """Write an `.npz` of the episode's arrays; an empty one where it was left out."""
    arrays = {}
    if episode is not None:
        arrays = {field.name: getattr(episode, field.name) for field in dataclasses.fields(Episode)}
        if episode.executed is episode.actions:
            del arrays["executed"]
        if episode.given.all():
            del arrays["given"]
    with atomic_path(path) as temporary:
        np.savez(temporary, **{name: a for name, a in arrays.items() if a is not None})


def _load(path: Path) -> Episode | None:
    with np.load(path, allow_pickle=False) as arrays:
        return Episode(**arrays) if arrays.files else None
