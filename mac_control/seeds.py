"""Seeds: whole numbers of at least 0, Python's or numpy's."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from mac_control.errors import InputError


def whole_seed(seed: Any, name: str = "seed") -> int:
    """A seed as a Python integer, also from one of numpy's.

    Raises:
        InputError: not a whole number, one below 0, or one of 64 bits and more.

    Example:
        >>> whole_seed(np.int64(3))
        3
    """
    try:
        if isinstance(seed, (bool, np.bool_)):
            raise TypeError("a boolean")
        number = operator.index(seed)
    except TypeError as error:
        raise InputError(
            f"{name}: expected a whole number of at least 0, got {seed!r:.100}"
        ) from error
    if number < 0:
        raise InputError(f"{name}: expected a whole number of at least 0, got {number}")
    if number >= 2**63:
        raise InputError(f"{name}: expected a whole number below 2^63, got {number}")
    return number


def optional_seed(seed: Any) -> int | None:
    """The same; None stays None."""
    return None if seed is None else whole_seed(seed)


def check_reset(cls: type) -> None:
    """Make `cls.reset(seed=None)` check its seed with `optional_seed`."""
    written = cls.__dict__.get("reset")
    if written is not None:
        cls.reset = _with_whole_seed(written)  # type: ignore[attr-defined]


def _with_whole_seed(written: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(written)
    def reset(self: Any, seed: Any = None) -> Any:
        return written(self, optional_seed(seed))

    return reset
