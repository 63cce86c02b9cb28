"""Deletes, splits and merges episodes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mac_control.demonstrations.episode import Demonstrations, Episode, EpisodeFile
from mac_control.demonstrations.stored import store
from mac_control.errors import InputError


def edited(
    demonstrations: Demonstrations,
    *,
    delete: Sequence[int] = (),
    split: Mapping[int, int] | None = None,
    merge: Sequence[Sequence[int]] = (),
) -> Demonstrations:
    """Demonstrations with some episodes deleted, split in two or merged.

    Episode numbers are those before any edit; each may appear in at most one edit.

    Args:
        demonstrations: left unchanged.
        delete: episodes to delete.
        split: episode -> the frame at which its second part begins.
        merge: groups of episodes to join, in this order, in the place of each group's first.

    Raises:
        InputError: no such episode or frame, one in two edits, or nothing left.

    Example:
        >>> episode = Episode(np.zeros((5, 3)), np.zeros((5, 2)))
        >>> four = Demonstrations([episode] * 4)
        >>> edited(four, delete=[0], split={1: 2}, merge=[[2, 3]]).lengths.tolist()
        [2, 3, 10]
    """
    split = dict(split or {})
    used = [*delete, *split, *(index for group in merge for index in group)]
    for index in used:
        if not 0 <= index < len(demonstrations):
            raise InputError(
                f"episode: expected a number from 0 to {len(demonstrations) - 1}, got {index}"
            )
        if used.count(index) > 1:
            raise InputError(f"episode {index}: expected it in one edit, got it in several")
    for index, at in split.items():
        length = int(demonstrations.lengths[index])
        if not 0 < at < length:
            raise InputError(
                f"split: episode {index}: expected a frame from 1 to {length - 1}, got {at}"
            )
    if short := [list(group) for group in merge if len(group) < 2]:
        raise InputError(f"merge: expected at least two episodes to put together, got {short[0]}")
    for group in merge:
        marks = {bool(demonstrations.failed[index]) for index in group}
        if len(marks) > 1:
            raise InputError(
                f"merge: expected episodes that all failed or all did not, got {list(group)}"
            )
    if len(set(delete)) == len(demonstrations):
        raise InputError("delete: expected an episode to stay, got them all")

    def episodes() -> Iterator[Episode]:
        firsts = {group[0]: group for group in merge}
        gone = {*delete, *(index for group in merge for index in group[1:])}
        for index in range(len(demonstrations)):
            if index in firsts:
                yield _joined([demonstrations[i] for i in firsts[index]])
            elif index in split:
                yield _part(demonstrations[index], slice(None, split[index]))
                yield _part(demonstrations[index], slice(split[index], None))
            elif index not in gone:
                yield demonstrations[index]

    edits = {
        "delete": [int(index) for index in delete],
        "split": {str(index): int(at) for index, at in split.items()},
        "merge": [[int(index) for index in group] for group in merge],
    }
    provenance = demonstrations.provenance | {"edits": edits}
    if isinstance(demonstrations.episodes, EpisodeFile):  # stays in a file
        text = json.dumps([demonstrations.episodes.key, edits], sort_keys=True)
        made = store(hashlib.sha256(text.encode()).hexdigest()[:32], episodes())
        return replace(demonstrations, episodes=made, provenance=provenance)
    return replace(demonstrations, episodes=tuple(episodes()), provenance=provenance)


def _part(episode: Episode, rows: slice) -> Episode:
    arrays = {
        name: None if (array := getattr(episode, name)) is None else array[rows]
        for name in ("executed", "rewards", "subtasks", "given")
    }
    both = episode.observations[rows], episode.actions[rows]
    return Episode(*both, **arrays, failed=episode.failed)


def _joined(episodes: Sequence[Episode]) -> Episode:
    arrays = {}
    for name in ("observations", "actions", "executed", "rewards", "subtasks", "given"):
        parts = [getattr(episode, name) for episode in episodes]
        known = [part is not None for part in parts]
        if name == "subtasks" and any(known):  # some have them: the others get none
            parts = [np.full(len(e), "") if e.subtasks is None else e.subtasks for e in episodes]
        elif any(known) and not all(known):
            raise InputError(f"merge: expected {name} in all episodes or in none, got some")
        arrays[name] = np.concatenate(parts) if any(known) else None
    return Episode(**arrays, failed=any(episode.failed for episode in episodes))
