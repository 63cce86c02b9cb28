"""Mixes several data sets into one, and sets how often each step is drawn."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import torch
from torch import Tensor

from mac_control.demonstrations import Demonstrations, load_demonstrations
from mac_control.demonstrations.episode import EpisodeFile
from mac_control.demonstrations.stored import store
from mac_control.errors import InputError
from mac_control.files import user_path
from mac_control.robot import Robot

_SHARE = re.compile(r"(.+):(\d+(?:\.\d*)?|\.\d+)")


def load_mixed(sources: Sequence[str]) -> Demonstrations:
    """Demonstrations of several sources, such as `("runs/old:0.5", "runs/corrections:1")`.

    A number after the last colon says how often the steps of a set are drawn, relative to the
    others: whatever its size, a set of 1 is drawn twice as often as one of 0.5. Without numbers
    every step is drawn equally often.

    Raises:
        InputError: some sources with a number and some without, or sets that do not fit together.
    """
    named = [_share(source) for source in sources]
    shares = [share for _, share in named if share is not None]
    if len(named) == 1 and shares:
        raise InputError(
            f"data: expected other data beside {named[0][0]} to weigh it against, got none"
        )
    if shares and len(shares) < len(named):
        raise InputError(
            "data: expected a number behind every set, as in old:0.5 corrections:1, or behind "
            f"none, got {', '.join(sources)}"
        )
    sets = [load_demonstrations(source) for source, _ in named]
    return sets[0] if len(sets) == 1 else mixed(sets, shares or None)


def mixed(sets: Sequence[Demonstrations], shares: Sequence[float] | None = None) -> Demonstrations:
    """Demonstrations of one robot as one set.

    Args:
        sets: at least one.
        shares: how often the steps of each set are drawn, relative to the others; None: every
            step equally often.

    Raises:
        InputError: sets of different sizes or robots, or shares that are not positive.

    Example:
        >>> from dataclasses import replace
        >>> from mac_control.demonstrations import Episode
        >>> one = Demonstrations([Episode(np.zeros((4, 3)), np.zeros((4, 2)))])
        >>> both = mixed([one, replace(one, episodes=[*one, *one, *one])], [1, 3])
        >>> len(both), both.weights.tolist()
        (4, [0.25, 0.25, 0.25, 0.25])
    """
    first = sets[0]
    for other in sets[1:]:
        sizes = [(each.obs_dim, each.action_dim) for each in (first, other)]
        if sizes[0] != sizes[1]:
            raise InputError(
                f"data: expected sets of one robot, got {sizes[0][0]} observed and {sizes[0][1]} "
                f"action dimensions and {sizes[1][0]} and {sizes[1][1]}"
            )
    weights = numbers = None
    if shares is not None:
        if len(shares) != len(sets) or not all(0 < share < np.inf for share in shares):
            raise InputError(f"shares: expected {len(sets)} positive numbers, got {list(shares)}")
        each = [share / each.lengths.sum() for share, each in zip(shares, sets, strict=True)]
        counts = [len(one) for one in sets]
        weights, numbers = np.repeat(each, counts), np.repeat(np.arange(len(sets)), counts)
    provenance = {
        **first.provenance,
        "mixed": [one.provenance for one in sets],
        "shares": None if shares is None else list(shares),
    }
    robot = _one_robot(sets)
    known = any(one.robot is not None and not one.provenance.get("box") for one in sets)
    boxes = [one.provenance["box"] for one in sets if one.provenance.get("box")]
    provenance["box"] = None if known or not boxes else boxes[0]
    episodes: Sequence = (
        [episode for one in sets for episode in one]
        if not any(isinstance(one.episodes, EpisodeFile) for one in sets)
        else store(_key(sets), (episode for one in sets for episode in one))
    )
    return Demonstrations(episodes, first.tasks, provenance, robot, weights, numbers)


def _one_robot(sets: Sequence[Demonstrations]) -> Robot | None:
    """The robot of all sets; a box that is only the range of its data yields to the others'."""
    known = [one.robot for one in sets if one.robot is not None]
    seen = [one.robot for one in sets if one.robot is not None and one.provenance.get("box")]
    described = [robot for robot in known if robot not in seen]
    names = {tuple(dim.name for dim in robot.actions) for robot in known}
    boxes = {tuple((dim.low, dim.high) for dim in robot.actions) for robot in described}
    if len(names) > 1 or len(boxes) > 1:
        raise InputError(
            f"data: expected sets of one robot, got {known[0].name} and {known[1].name}, "
            "whose dimensions have other names or boxes; convert one to the other's"
        )
    if described or not known:
        return described[0] if described else None
    if len(known) < len(sets):
        raise InputError(
            f"data: expected sets of one robot, got {known[0].name}, whose box is guessed from its "
            "data, and a set that names none; name it by --env or --robot"
        )
    dims = [
        replace(each[0], low=min(d.low for d in each), high=max(d.high for d in each))
        for each in zip(*(robot.actions for robot in known), strict=True)
    ]
    return replace(known[0], actions=tuple(dims))


def row_weights(demonstrations: Demonstrations, intervention_weight: float) -> Tensor | None:
    """How often each step is drawn, as ends of intervals in (0, 1], `(N,)`; None: equally often.

    In partly driven episodes, steps in which an operator gave some dimension count
    `intervention_weight` times.
    """
    if demonstrations.weights is None and intervention_weight == 1:
        return None
    lengths = demonstrations.lengths
    each = np.ones(len(lengths)) if demonstrations.weights is None else demonstrations.weights
    rows = np.repeat(each, lengths)
    if intervention_weight != 1:
        drove = np.concatenate([intervened(episode.given) for episode in demonstrations])
        if not drove.any():
            raise InputError(
                "intervention_weight: expected data with steps that an operator drove in part, got "
                "none; add such data, or leave it out"
            )
        rows = rows * np.where(drove, intervention_weight, 1.0)
    ends = rows.cumsum()
    return torch.from_numpy(ends / ends[-1])


def intervened(given: np.ndarray) -> np.ndarray:
    """Steps of an episode in which an operator intervened, `(T,)`, from `given` `(T, D)`.

    There are none where every dimension was given at every step: that is a demonstration.

    Example:
        >>> intervened(np.array([[False, False], [True, False]])).tolist()
        [False, True]
    """
    return given.any(1) & (not given.all())


def draw_rows(count: int, ends: Tensor | None, size: int, generator: torch.Generator) -> Tensor:
    """Indices of steps `(size,)` out of `count`, drawn with replacement."""
    if ends is None:
        return torch.randint(count, (size,), generator=generator)
    drawn = torch.rand(size, generator=generator, dtype=torch.float64)
    return torch.searchsorted(ends, drawn, right=True).clamp(max=count - 1)


def _share(source: str) -> tuple[str, float | None]:
    found = _SHARE.fullmatch(source)
    if user_path(source).exists():
        return source, None
    if found is None:
        path, _, number = source.rpartition(":")
        if path and user_path(path).exists() and re.fullmatch(r"[-+\d.e]+|nan|inf", number):
            raise InputError(
                f"data: expected a positive number behind {path}, such as 0.5, got {number}"
            )
        return source, None
    return found[1], float(found[2])


def _key(sets: Sequence[Demonstrations]) -> str:
    """Cache key of mixed large data."""
    found = hashlib.sha256()
    for one in sets:
        for episode in one:
            for each in fields(episode):
                part = getattr(episode, each.name)
                found.update(each.name.encode() if part is None else np.asarray(part).tobytes())
    return f"mixed-{found.hexdigest()[:32]}"
