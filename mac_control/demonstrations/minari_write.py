"""Writes Minari data sets, whole or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box, Space

from mac_control.demonstrations.episode import Demonstrations, Episode
from mac_control.demonstrations.minari_read import DATASET_ID, minari_folder, minari_root
from mac_control.disk import expect_room
from mac_control.errors import DataError, InputError
from mac_control.files import atomic_folder, user_path, write_text

if TYPE_CHECKING:
    from minari.data_collector.episode_buffer import EpisodeBuffer


def save_minari(
    demonstrations: Demonstrations,
    target: str | Path,
    *,
    env_spec: EnvSpec | None = None,
    action_space: Box | None = None,
    description: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write demonstrations as a Minari data set; returns its folder.

    `target` is an id (`namespace/name-v0`, in Minari's own folder, where `minari.load_dataset`
    finds it) or any folder. `actions` are what the demonstrator does; executed actions that differ
    are in `infos["executed"]`, dimensions that an operator gave in `infos["given"]`, subtasks in
    `infos["subtasks"]`. Minari expects an observation after the last action, which we do not have:
    the last one is repeated. `load_demonstrations(target)` gives the same numbers back, except
    that missing rewards become 0.

    Args:
        env_spec: spec of the environment they were made in; default: the kitchen's for its robot.
        action_space: default: the robot's box; where that is unknown, [-1, 1] in each dimension
            if the actions fit, else unbounded.
        description: a sentence for `minari show`.
        overwrite: replace an existing data set.

    Raises:
        InputError: `target` already exists, or is neither an id nor a folder.
    """
    from mac_control.envs.kitchen.data import kitchen_spec

    sizes = demonstrations.obs_dim, demonstrations.action_dim
    robot = demonstrations.robot
    if action_space is None and robot is not None:
        action_space = Box(robot.low, robot.high, dtype=np.float32)
    if action_space is None:
        largest = max(
            np.abs(values).max() for e in demonstrations for values in (e.actions, e.executed)
        )
        bound = 1.0 if largest <= 1 else np.inf
        action_space = Box(-bound, bound, (sizes[1],), np.float32)
    metadata: dict[str, Any] = {
        "mac_control": {
            "tasks": list(demonstrations.tasks),
            "provenance": demonstrations.provenance,
            "robot": demonstrations.robot.to_json() if demonstrations.robot else None,
            "env": demonstrations.provenance.get("env"),
        }
    }
    if description:
        metadata["description"] = description
    return write_minari(
        target,
        map(partial(_buffer, failed=bool(demonstrations.failed.any())), demonstrations),
        Box(-np.inf, np.inf, (sizes[0],), np.float32),
        action_space,
        metadata=metadata,
        env_spec=env_spec or kitchen_spec(demonstrations),
        overwrite=overwrite,
    )


def write_minari(
    target: str | Path,
    episodes: Iterable[EpisodeBuffer],
    observation_space: Space,
    action_space: Space,
    *,
    metadata: dict[str, Any] | None = None,
    env_spec: EnvSpec | None = None,
    overwrite: bool = False,
) -> Path:
    """Write Minari episodes, which may come one by one, as a data set; returns its folder."""
    import minari
    from minari.dataset.minari_storage import MinariStorage

    folder, dataset_id = target_folder(target)
    try:
        json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"provenance: expected JSON values, got {error}") from error
    if folder.exists() and not overwrite:
        raise InputError(f"{folder}: expected a name that is free, got an existing folder")
    expect_data_set(folder)
    _make_namespace(folder, dataset_id)
    with atomic_folder(folder) as temporary:
        storage = MinariStorage.new(
            temporary / "data", observation_space, action_space, env_spec, jpeg_encoding=False
        )
        storage.update_metadata(
            {
                "dataset_id": dataset_id,
                "minari_version": minari.__version__,
                "algorithm_name": "mac-control",
                **(metadata or {}),
            }
        )
        storage.update_episodes(_with_room(temporary, episodes))
        if storage.total_episodes == 0:
            raise DataError(f"{dataset_id}: expected at least one episode, got none")
    return folder


def expect_data_set(folder: Path) -> None:
    """Raise an InputError where something else than a data set would be replaced."""
    from mac_control.demonstrations.lerobot.meta import is_lerobot

    something = folder.is_dir() and any(folder.iterdir())
    if something and minari_folder(folder) is None and not is_lerobot(folder):
        raise InputError(
            f"{folder}: expected a data set to replace, got another folder; choose another name"
        )


def room_for(episode: EpisodeBuffer) -> int:
    """Upper bound on the disk space of an episode [bytes]."""
    arrays = [episode.observations, episode.actions, *(episode.infos or {}).values()]
    return 96 * 1024 + 2 * sum(np.asarray(array).nbytes for array in arrays)


def _with_room(folder: Path, episodes: Iterable[EpisodeBuffer]) -> Iterator[EpisodeBuffer]:
    """The episodes, as long as the disk has room for them."""
    room = 0
    for episode in episodes:
        room += room_for(episode)
        written = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        expect_room(folder, room - written)  # some of them may not be on the disk yet
        yield episode


def target_folder(target: str | Path) -> tuple[Path, str]:
    """Folder and id of a data set; an id as target stands for Minari's folder.

    Example:
        >>> target_folder("./some/robust set")[1]
        'robust_set-v0'
        >>> target_folder("kitchen/robust-v1")[1]
        'kitchen/robust-v1'
    """
    if isinstance(target, str) and DATASET_ID.fullmatch(target):
        return minari_root() / target, target
    # Minari takes a relative folder of episodes as relative to its own.
    folder = user_path(target).absolute()
    name = re.sub(r"[^-_\w]", "_", folder.name)
    if not name:
        raise InputError(f"target: expected a Minari id or a folder, got {str(target)!r}")
    return folder, name if DATASET_ID.fullmatch(name) else f"{name}-v0"


def _buffer(episode: Episode, failed: bool) -> EpisodeBuffer:
    from minari.data_collector.episode_buffer import EpisodeBuffer

    steps = len(episode)
    infos: dict[str, Any] = {}
    if episode.executed is not episode.actions:
        infos["executed"] = episode.executed
    if not episode.given.all():
        infos["given"] = np.array(episode.given)
    if episode.subtasks is not None:
        infos["subtasks"] = episode.subtasks.tolist()
    if failed:
        infos["failed"] = np.full(steps, episode.failed)
    rewards = episode.rewards
    return EpisodeBuffer(
        observations=np.concatenate([episode.observations, episode.observations[-1:]]),
        actions=episode.actions,
        rewards=np.zeros(steps, np.float32) if rewards is None else rewards,
        terminations=np.zeros(steps, bool),
        truncations=np.arange(1, steps + 1) == steps,
        infos=infos or None,
    )


def _make_namespace(folder: Path, dataset_id: str) -> None:
    """Create the file that Minari keeps beside the data sets of each namespace."""
    if "/" in dataset_id:
        for parent in list(folder.parents)[: dataset_id.count("/")]:
            path = parent / "namespace_metadata.json"
            if not path.exists():
                write_text(path, "{}")
