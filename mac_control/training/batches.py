"""Random numbers and batches that depend only on a seed and a step."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor

from mac_control.demonstrations import Demonstrations


def generator_of(*key: int) -> torch.Generator:
    """A random generator seeded by a key, such as (seed, step)."""
    state = np.random.SeedSequence(key).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]))


def stacked(batches: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Batches of several policies as one, with a leading axis for the policy."""
    if len(batches) == 1:  # nothing to copy
        return {name: part.unsqueeze(0) for name, part in batches[0].items()}
    return {name: torch.stack([batch[name] for batch in batches]) for name in batches[0]}


def digest(demonstrations: Demonstrations) -> str:
    """Checksum of everything that is learnt from, except subtasks."""
    found = hashlib.sha256()
    for episode in demonstrations:
        for part in (episode.observations, episode.actions, episode.executed):
            found.update(np.ascontiguousarray(part).tobytes())
        if not episode.given.all():  # else the digest stays that of older versions
            found.update(np.ascontiguousarray(episode.given).tobytes())
    if demonstrations.weights is not None:
        found.update(np.ascontiguousarray(demonstrations.weights).tobytes())
    return found.hexdigest()


def subtasks_digest(demonstrations: Demonstrations) -> str | None:
    """Checksum of the steps' subtasks, which `digest` leaves out; None where there are none."""
    if not demonstrations.subtasks:
        return None
    found = hashlib.sha256()
    for episode in demonstrations:
        named = [] if episode.subtasks is None else episode.subtasks.tolist()
        found.update("\n".join([*named, ""]).encode())
    return found.hexdigest()
