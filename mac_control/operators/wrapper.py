"""The base class of operators that change what another operator gives."""

from __future__ import annotations

import zlib

import numpy as np

from mac_control.errors import InputError
from mac_control.operators.base import Operator


class OperatorWrapper(Operator):
    """Reads another operator once per step and changes what it gives; a subclass writes `read`.

    Randomness comes from `self.rng`, a stream of the class's own, restarted with each episode's
    seed: the same seed draws the same dimensions, say, whatever the other wrappers. A second
    wrapper of a class has another stream, unless the class says that it `draws_alike`.

    Args:
        operator: the wrapped operator.
    """

    draws_alike = False

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.rng = self._stream(0)

    @property  # other operators may set it, a wrapper only passes it on
    def goal(self) -> tuple[str, ...] | None:  # type: ignore[override]
        """Goal of the wrapped operator."""
        return self.operator.goal

    @property
    def wrong(self) -> bool:  # type: ignore[override]
        """Whether the wrapped operator's last reading was wrong."""
        return self.operator.wrong

    def reset(self, seed: int | None = None) -> None:
        self.operator.reset(seed)
        self.rng = self._stream(seed)

    def close(self) -> None:
        self.operator.close()

    def _stream(self, seed: int | None) -> np.random.Generator:
        # Not `seed` itself, which the wrapped operator draws from, nor the stream of a wrapper
        # within that is of the same class.
        inner, same = self.operator, 0
        while isinstance(inner, OperatorWrapper):
            same += type(inner) is type(self) and not self.draws_alike
            inner = inner.operator
        name = zlib.crc32(type(self).__name__.encode())
        key = (name, same) if same else (name,)
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def checked(name: str, value: float, low: float, high: float = float("inf")) -> float:
    """`value` if it is a finite number in [low, high].

    Raises:
        InputError: if not.

    Example:
        >>> checked("p", 0.5, 0, 1)
        0.5
    """
    if not (np.isfinite(value) and low <= value <= high):
        raise InputError(f"{name}: expected a finite number from {low:g} to {high:g}, got {value}")
    return value
