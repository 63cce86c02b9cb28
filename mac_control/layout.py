"""One order of an observation's parts: live, in recordings, in Minari files and in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Space, Tuple, flatdim, flatten

from mac_control.errors import DataError, InputError


def by_name(space: Space[Any]) -> Space[Any]:
    """The space with the parts of each Dict in the order of their names as text.

    Depending on how it was made, a Dict keeps insertion order or sorts; a JSON file of it has the
    names as text. Sorted as text they are in the same order everywhere.

    Example:
        >>> space = Dict([("b", Box(0, 1)), ("a", Box(0, 1)), (10, Box(0, 1)), (9, Box(0, 1))])
        >>> list(by_name(space))
        [10, 9, 'a', 'b']
    """
    if isinstance(space, Dict):
        return Dict([(name, by_name(space[name])) for name in sorted(space, key=str)])
    return Tuple([by_name(part) for part in space]) if isinstance(space, Tuple) else space


def layout_of(space: Space[Any]) -> list[list[Any]]:
    """Path and size of each part of a Dict or Tuple, as flattened; empty for others. JSON values.

    Example:
        >>> layout_of(Tuple([Box(0, 1, (2,)), Dict({"arm": Box(0, 1, (3, 2))})]))
        [['0', 2], ['1/arm', 6]]
    """
    if isinstance(space, Dict):
        named = [(str(name), by_name(space)[name]) for name in by_name(space)]  # type: ignore[index,attr-defined]
    elif isinstance(space, Tuple):
        named = [(str(index), part) for index, part in enumerate(space)]
    else:
        return []
    found: list[list[Any]] = []
    for name, part in named:
        inner = layout_of(part)
        if inner or isinstance(part, (Dict, Tuple)):
            found += [[f"{name}/{path}", size] for path, size in inner]
        else:
            found.append([name, flatdim(part)])
    return found


def flat_steps(space: Space[Any], value: Any) -> np.ndarray:
    """Values of a space over time as `(T, size)`, flattened in the order of `by_name`.

    Raises:
        DataError: values that are not in the space, or a space that does not flatten.
    """
    if isinstance(space, Dict):
        if not isinstance(value, Mapping) or {*map(str, value)} != {*map(str, space)}:
            got = sorted(map(str, value)) if isinstance(value, Mapping) else type(value).__name__
            raise DataError(f"expected the parts {sorted(map(str, space))}, got {got}")
        texts = {str(name): each for name, each in value.items()}
        return _joined(
            [flat_steps(space[name], texts[str(name)]) for name in sorted(space, key=str)]
        )
    if isinstance(space, Tuple):
        if not isinstance(value, (tuple, list)) or len(value) != len(space.spaces):
            raise DataError(f"expected {len(space.spaces)} parts, got {value!r:.100}")
        return _joined([flat_steps(*pair) for pair in zip(space.spaces, value, strict=True)])
    if not isinstance(space, Box):
        return _coded(space, value)
    array = np.asarray(value)
    if array.dtype.kind not in "fiub" or array.shape[1:] != space.shape:
        raise DataError(
            f"expected numbers of shape (T, {', '.join(map(str, space.shape))}), "
            f"got {array.dtype} {array.shape}"
        )
    return array.reshape(len(array), int(np.prod(space.shape)))


def expect_layout(recorded: Any, env: gymnasium.Env) -> None:
    """Raise an InputError where observations were recorded with other parts than the environment's.

    Args:
        recorded: as from `layout_of`; None or empty where unknown.
        env: an environment with flattened observations; for others nothing is checked.
    """
    live = env.get_wrapper_attr("obs_layout") if env.has_wrapper_attr("obs_layout") else []
    if recorded and live and recorded != live:
        raise InputError(
            f"policy: expected observations made of {_listed(recorded)}, as its demonstrations "
            f"have, got an environment whose are made of {_listed(live)}"
        )


def recorded_layout(data: Any) -> list[list[Any]]:
    """The layout in the data's record of their environment; empty if unknown."""
    env = data.get("env") if isinstance(data, Mapping) else None
    found = env.get("layout") if isinstance(env, Mapping) else None
    return found if isinstance(found, list) else []


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    lengths = {len(part) for part in parts}
    if len(lengths) != 1:
        raise DataError(f"expected parts of one length over time, got {sorted(lengths) or 'none'}")
    return np.concatenate(parts, axis=1)


def _coded(space: Space[Any], value: Any) -> np.ndarray:
    """Flattened as by Gymnasium, but for all steps: whole numbers one-hot, bits as they are."""
    if not space.is_np_flattenable:
        raise DataError(f"expected spaces that flatten, got {space}")
    steps = [_step(space, step) for step in np.asarray(value)]
    if not all(space.contains(step) for step in steps):
        raise DataError(f"expected values of {space}, got others")
    return np.stack([np.asarray(flatten(space, step)) for step in steps])


def _step(space: Space[Any], value: Any) -> Any:
    return value if space.shape == () else np.asarray(value, space.dtype)


def _listed(layout: list[list[Any]]) -> str:
    return ", ".join(f"{path} ({size})" for path, size in layout)
