"""The one type that goes from a device to the model: some values, and which of them are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mac_control.errors import InputError


@dataclass(frozen=True, eq=False)
class PartialAction:
    """Action dimensions that an operator supplies, and a mask of which ones they are.

    Nothing given is autonomy, everything given is plain teleoperation, and shared
    autonomy is all that lies between.

    Args:
        values: action in environment units, `(D,)` or batched `(B, D)`; entries that are
            not given are ignored and stored as 0.
        given: boolean mask of the same shape; True where the operator supplies the value.

    Raises:
        InputError: shapes differ, `given` is not boolean, or a given value is not finite.

    Example:
        >>> partial = PartialAction([0.5, 0.0, -0.2], [True, False, True])
        >>> partial.overlay([0.1, 0.1, 0.1]).tolist()
        [0.5, 0.10000000149011612, -0.20000000298023224]
    """

    values: np.ndarray
    given: np.ndarray

    if TYPE_CHECKING:  # made of anything that is like an array; what is kept are arrays

        def __init__(self, values: ArrayLike, given: ArrayLike) -> None: ...

    def __post_init__(self) -> None:
        try:
            values = np.array(self.values, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise InputError(f"values: expected numbers, got {self.values!r}") from error
        given = np.array(self.given)
        if given.dtype != np.bool_:
            raise InputError(f"given: expected booleans, got dtype {given.dtype}")
        if values.shape != given.shape or values.ndim not in (1, 2) or values.shape[-1] == 0:
            raise InputError(
                "values and given: expected one shape, (D,) or (B, D), "
                f"got {values.shape} and {given.shape}"
            )
        values[~given] = 0.0
        if not np.isfinite(values).all():
            bad = np.argwhere(~np.isfinite(values))[0].tolist()
            raise InputError(f"values: expected finite numbers where given, got one at {bad}")
        values.setflags(write=False)
        given.setflags(write=False)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "given", given)

    @classmethod
    def nothing(cls, *shape: int) -> PartialAction:
        """No dimension given: autonomy. `shape` is `D` or `B, D`."""
        return cls(np.zeros(shape, np.float32), np.zeros(shape, bool))

    @classmethod
    def everything(cls, values: ArrayLike) -> PartialAction:
        """Every dimension given: plain teleoperation."""
        return cls(values, np.ones(np.shape(values), bool))

    @classmethod
    def stack(cls, partials: list[PartialAction]) -> PartialAction:
        """Batch `B` partial actions `(D,)` into one `(B, D)`."""
        return cls(np.stack([p.values for p in partials]), np.stack([p.given for p in partials]))

    def batched(self) -> PartialAction:
        """As a batch `(B, D)`, of one row where this is none."""
        return PartialAction(np.atleast_2d(self.values), np.atleast_2d(self.given))

    def expect_shape(self, *shape: int) -> None:
        """Raise an InputError unless the values have this shape."""
        if self.values.shape != shape:
            raise InputError(f"expected values of shape {shape}, got {self.values.shape}")

    def overlay(self, action: ArrayLike) -> np.ndarray:
        """`action` with the given dimensions put in, bit for bit; a new float32 array."""
        action = np.asarray(action, np.float32)
        if action.shape != self.values.shape:
            raise InputError(f"action: expected shape {self.values.shape}, got {action.shape}")
        return np.where(self.given, self.values, action)

    def restrict(self, dims: np.ndarray) -> PartialAction:
        """Only the dimensions in the boolean mask `dims` `(D,)` stay given."""
        return PartialAction(self.values, self.given & dims)

    @property
    def action_dim(self) -> int:
        """Number of action dimensions, D."""
        return int(self.values.shape[-1])
