"""Reads Minari data sets with a Box action space."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from mac_control.checksums import folder_sha256
from mac_control.demonstrations.box import guessed
from mac_control.demonstrations.episode import Demonstrations, Episode
from mac_control.demonstrations.hdf5 import check_hdf5
from mac_control.demonstrations.stored import is_large, store
from mac_control.errors import DataError, first_line
from mac_control.files import user_path
from mac_control.json_read import json_object
from mac_control.layout import flat_steps, layout_of
from mac_control.robot import Robot

#: Minari's ids: `namespace/name-vN`.
DATASET_ID = re.compile(r"[-_\w][-_\w/]*-v\d+")


def minari_root() -> Path:
    """The folder in which Minari keeps its data sets."""
    default = Path.home() / ".minari" / "datasets"
    return Path(os.environ.get("MINARI_DATASETS_PATH") or default)


def minari_folder(source: str | Path) -> Path | None:
    """The folder of a data set on this machine, given as a folder or an id; None where absent."""
    candidates = [user_path(source)]
    if isinstance(source, str) and DATASET_ID.fullmatch(source):
        candidates.append(minari_root() / source)
    for folder in candidates:
        if (folder / "data" / "metadata.json").is_file():
            return folder
        if folder.name == "data" and (folder / "metadata.json").is_file():
            return folder.parent
    return None


def local_datasets() -> dict[str, dict[str, Any]]:
    """Metadata of every data set in Minari's folder, by id; unreadable ones are left out."""
    root, found = minari_root(), {}
    for path in sorted(root.glob("**/data/metadata.json")):
        parts = path.relative_to(root).parts[:-2]
        if any(part.startswith(".") for part in parts):
            continue
        try:
            found["/".join(parts)] = read_metadata(path.parent.parent)
        except DataError:
            continue
    return found


def read_metadata(folder: Path) -> dict[str, Any]:
    """The metadata of a data set, with its spaces still as text.

    Raises:
        DataError: no such data set, or metadata that are not JSON.
    """
    return json_object(folder / "data" / "metadata.json", "Minari metadata")


def read_minari(folder: Path, obs: str = "positions") -> Demonstrations:
    """Demonstrations in a Minari data set.

    Minari has one more observation than actions; the last is left out. Composite observations are
    flattened as by Gymnasium's `FlattenObservation`; of a kitchen's, the entries `obs` of the part
    `observation` are taken. Large data are read an episode at a time; see `stored`.

    Raises:
        DataError: the data set is damaged or incomplete, or its action space is not a Box.
    """
    from mac_control.envs.kitchen import data as kitchen

    metadata = read_metadata(folder)
    source = str(metadata.get("dataset_id") or folder.name)
    recorded = metadata.get("mac_control")
    recorded = recorded if isinstance(recorded, dict) else {}
    tasks = tuple(recorded.get("tasks") or kitchen.recorded_tasks(metadata))
    own = recorded.get("robot")
    is_kitchen = kitchen.may_be_kitchen(own) and (
        kitchen.are_subtasks(tasks) or kitchen.is_kitchen(metadata)
    )
    if is_kitchen and not tasks:
        tasks = kitchen.kitchen_tasks(kitchen.kitchen_name(source))
    obs_space, action_space = read_spaces(source, metadata)
    if not isinstance(action_space, spaces.Box):
        raise DataError(f"{source}: actions: expected a Box space, got {action_space}")

    def episodes() -> Iterator[Episode]:
        for index, raw in enumerate(raw_episodes(folder, metadata)):
            try:
                steps = len(raw["rewards"])
                actions = flat_steps(action_space, raw["actions"])
                seen = flat_steps(*main_part(obs_space, raw["observations"], is_kitchen))
                if len(seen) not in (steps, steps + 1):
                    raise DataError(
                        f"observations: expected {steps + 1} for {steps} rewards, got {len(seen)}"
                    )
                seen = seen[:steps]
                if is_kitchen:
                    seen = kitchen.select_entries(source, seen, actions.shape[1], obs)
                infos = (raw["infos"] or {}) if recorded else {}
                subtasks = infos.get("subtasks")
                if subtasks is not None:
                    subtasks = [s.decode() if isinstance(s, bytes) else s for s in subtasks]
                given, failed = infos.get("given"), bool(np.any(infos.get("failed", False)))
                executed, rewards = infos.get("executed"), raw["rewards"]
                yield Episode(seen, actions, executed, rewards, subtasks, given, failed)
            except (KeyError, TypeError, ValueError) as error:
                reason = first_line(error)
                raise DataError(f"{source}: episode {index}: {reason}") from error

    digest = folder_sha256(folder, ["data"])
    provenance = {"source": source, "sha256": digest, "format": "minari"}
    if isinstance(recorded.get("provenance"), dict):
        provenance["origin"] = recorded["provenance"]
    steps, both = metadata.get("total_steps"), spaces.Tuple((obs_space, action_space))
    known = isinstance(steps, int) and both.is_np_flattenable
    large = known and is_large(4 * steps * spaces.flatdim(both))
    found = store(f"{digest[:32]}-{obs}", episodes()) if large else tuple(episodes())
    env = recorded.get("env") if isinstance(recorded.get("env"), dict) else recorded_env(metadata)
    layout = layout_of(obs_space)
    if layout and not is_kitchen:
        env = {"id": None, "options": {}, **(env or {}), "layout": layout}
    if env is not None:
        provenance["env"] = env
    robot = None
    if not is_kitchen:
        named = str((env or {}).get("id") or source)
        robot = Robot.from_json(own) if isinstance(own, dict) else Robot.of_box(named, action_space)
        provenance |= guessed(provenance.get("origin"), robot)
    read = Demonstrations(found, tasks, provenance | {"tasks": list(tasks)}, robot)
    return kitchen.as_kitchen(read, kitchen.recorded_noise(metadata)) if is_kitchen else read


def recorded_env(metadata: dict[str, Any]) -> dict[str, Any] | None:
    """The environment that a data set was recorded in, by its metadata: id and options."""
    try:
        spec = json.loads(metadata["env_spec"])
        options = dict(spec.get("kwargs") or {})
        if isinstance(spec.get("max_episode_steps"), int):
            options["max_episode_steps"] = spec["max_episode_steps"]
        options.pop("render_mode", None)
        return {"id": str(spec["id"]), "options": options}
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def read_spaces(source: str, metadata: dict[str, Any]) -> tuple[spaces.Space, spaces.Space]:
    """Observation and action space from the metadata, without making an environment.

    Raises:
        DataError: they are missing, or of an unknown kind.
    """
    from minari.serialization import deserialize_space

    try:
        names = ("observation_space", "action_space")
        observation, action = (deserialize_space(metadata[name]) for name in names)
    except Exception as error:
        raise DataError(
            f"{source}: metadata.json: expected an observation and an action space, "
            f"got {type(error).__name__} {first_line(error)}"
        ) from error
    return observation, action


def raw_episodes(folder: Path, metadata: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Episodes as Minari stores them, in order.

    Raises:
        DataError: the data are missing or damaged.
    """
    from minari.dataset.minari_storage import MinariStorage

    source = str(metadata.get("dataset_id") or folder.name)
    if metadata.get("data_format", "hdf5") == "hdf5":
        check_hdf5(folder / "data" / "main_data.hdf5")
    try:
        storage = MinariStorage.read(folder / "data")
        yield from storage.get_episodes(range(storage.total_episodes))
    except DataError:
        raise
    except Exception as error:  # a damaged file raises nearly anything
        raise DataError(
            f"{source}: expected a whole Minari data set of {metadata.get('total_episodes')} "
            f"episodes, got {type(error).__name__} {first_line(error)}"
        ) from error


def main_part(space: spaces.Space, value: Any, goals: bool) -> tuple[spaces.Space, Any]:
    """The part `observation` where there are `goals` beside it, to drop them; else the whole."""
    if goals and isinstance(space, spaces.Dict) and "observation" in space.spaces:
        return space["observation"], value["observation"]
    return space, value
