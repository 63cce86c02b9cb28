"""The one type that goes from a device to the model: values, and which of them are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mac_control.errors import InputError

if TYPE_CHECKING:
    from mac_control.robot import Robot

#: Standard deviations from here on count as infinite: far above any command, and the square is
#: still a float.
WIDEST = 1e12


@dataclass(frozen=True, eq=False)
class PartialAction:
    """Action dimensions that an operator supplies, and a mask of which ones they are.

    Nothing given is autonomy, everything given is plain teleoperation, and shared
    autonomy is everything between.

    Args:
        values: action in environment units, `(D,)` or batched `(B, D)`; entries that are
            not given are ignored and stored as 0.
        given: boolean mask of the same shape; True where the operator supplies the value.
        std: how far a given value may be from what is meant: a standard deviation in action units,
            of the same shape or one number for all. 0 is executed bit for bit; more lets a policy
            with a density depart towards what is more likely, and infinity, or 1e12 and more,
            leaves the dimension to it. None: 0. Entries that are not given are stored as 0.

    Raises:
        InputError: shapes differ, `given` is not boolean, a given value is not finite, or a
            standard deviation is not a number from 0 on.

    Example:
        >>> partial = PartialAction([0.5, 0.0, -0.2], [True, False, True])
        >>> partial.overlay([0.1, 0.1, 0.1]).tolist()
        [0.5, 0.10000000149011612, -0.20000000298023224]
    """

    values: np.ndarray
    given: np.ndarray
    std: np.ndarray | None = None

    if TYPE_CHECKING:  # accepts anything array-like; stores arrays

        def __init__(
            self, values: ArrayLike, given: ArrayLike, std: ArrayLike | None = None
        ) -> None: ...

    def __post_init__(self) -> None:
        try:
            values = np.array(self.values).astype(np.float32, casting="same_kind", copy=False)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"values: expected numbers, got {self.values!r:.100}") from error
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
        std = None if self.std is None else _checked_std(self.std, given)
        self._set(values, given, std)

    def _set(self, values: np.ndarray, given: np.ndarray, std: np.ndarray | None) -> None:
        for name, part in (("values", values), ("given", given), ("std", std)):
            if part is not None:
                part.setflags(write=False)
            object.__setattr__(self, name, part)

    @classmethod
    def nothing(cls, *shape: int) -> PartialAction:
        """No dimension given: autonomy. `shape` is `D` or `B, D`."""
        return cls(np.zeros(shape, np.float32), np.zeros(shape, bool))

    @classmethod
    def everything(cls, values: ArrayLike) -> PartialAction:
        """Every dimension given: plain teleoperation."""
        return cls(values, np.ones(np.shape(values), bool))

    @classmethod
    def of(cls, values: Mapping[str | int, float], robot: Robot | int) -> PartialAction:
        """The named dimensions are given, the others are not.

        Args:
            values: dimension -> value in action units; a dimension is a name or an index.
            robot: the robot with these dimensions, or just their number D.

        Raises:
            InputError: a dimension that the robot does not have, or a value that is not a number.

        Example:
            >>> PartialAction.of({0: 0.3, 2: -1}, 3).given.tolist()
            [True, False, True]
        """
        from mac_control.robot import ActionDim, Robot

        if isinstance(robot, int | np.integer):
            robot = Robot("robot", tuple(ActionDim(str(dim)) for dim in range(int(robot))))
        places = {robot.index(dim): value for dim, value in values.items()}
        if len(places) < len(values):
            names = ", ".join(map(str, values))
            raise InputError(f"values: expected each dimension once, got {names}")
        row = [places.get(dim, 0.0) for dim in range(robot.action_dim)]
        return cls(row, [dim in places for dim in range(robot.action_dim)])

    @classmethod
    def stack(cls, partials: Sequence[PartialAction]) -> PartialAction:
        """Batch `B` partial actions `(D,)` into one `(B, D)`."""
        values, given = [p.values for p in partials], [p.given for p in partials]
        std = None
        if any(p.std is not None for p in partials):
            std = np.stack([np.zeros_like(p.values) if p.std is None else p.std for p in partials])
        return cls._unchecked(np.stack(values), np.stack(given), std)

    @classmethod
    def _unchecked(
        cls, values: np.ndarray, given: np.ndarray, std: np.ndarray | None = None
    ) -> PartialAction:
        """From arrays that are known to be valid: a step of the loop checks once."""
        partial = object.__new__(cls)
        partial._set(values, given, std)
        return partial

    def batched(self) -> PartialAction:
        """As a batch `(B, D)`, of one row where this is not a batch."""
        if self.values.ndim == 2:
            return self
        std = None if self.std is None else self.std[None]
        return self._unchecked(self.values[None], self.given[None], std)

    def clip(self, low: np.ndarray, high: np.ndarray) -> PartialAction:
        """With given values clipped to `[low, high]` `(D,)`; itself where none is outside."""
        outside = self.given & ((self.values < low) | (self.values > high))
        if not outside.any():
            return self
        values = np.where(outside, np.clip(self.values, low, high), self.values)
        return self._unchecked(values.astype(np.float32), self.given, self.std)

    def expect_shape(self, *shape: int) -> None:
        """Raise an InputError unless the values have this shape."""
        if self.values.shape != shape:
            raise InputError(f"expected values of shape {shape}, got {self.values.shape}")

    def same_commands(self, other: PartialAction) -> bool:
        """Whether the same values are given in both, whatever their deviations.

        Example:
            >>> partial = PartialAction([0.5, 0.0], [True, False])
            >>> partial.same_commands(partial.soften(0.1)), partial.same_commands(partial.batched())
            (True, False)
        """
        return np.array_equal(self.values, other.values) and np.array_equal(self.given, other.given)

    def overlay(self, action: ArrayLike) -> np.ndarray:
        """`action` with the given dimensions inserted bit for bit; a new float32 array."""
        action = np.asarray(action, np.float32)
        if action.shape != self.values.shape:
            raise InputError(f"action: expected shape {self.values.shape}, got {action.shape}")
        return np.where(self.given, self.values, action)

    def restrict(self, dims: np.ndarray) -> PartialAction:
        """Only the dimensions in the boolean mask `dims` `(D,)` stay given.

        Raises:
            InputError: a mask of another size.
        """
        if self.values.shape[-1:] != dims.shape:
            raise InputError(f"values: expected {len(dims)} of them, got shape {self.values.shape}")
        given = self.given & dims
        std = None if self.std is None else np.where(given, self.std, np.float32(0))
        return self._unchecked(np.where(given, self.values, np.float32(0)), given, std)

    def soften(self, std: ArrayLike) -> PartialAction:
        """With this standard deviation of the given values, `(D,)`, `(B, D)` or one for all.

        Raises:
            InputError: a number below 0, or NaN.

        Example:
            >>> PartialAction([0.5, 0.0], [True, False]).soften(0.1).std.round(2).tolist()
            [0.10000000149011612, 0.0]
        """
        return self._unchecked(self.values, self.given, _checked_std(std, self.given))

    @property
    def exact(self) -> np.ndarray:
        """Mask of values to be executed bit for bit, in the shape of `given`."""
        return self.given if self.std is None else self.given & (self.std == 0)

    def finite(self) -> PartialAction:
        """Without values of infinite deviation; `std` is None where all that is left is 0.

        Example:
            >>> PartialAction([0.5, 0.1], [True, True], [0.0, np.inf]).finite().given.tolist()
            [True, False]
        """
        if self.std is None:
            return self
        given = self.given & np.isfinite(self.std)
        std = np.where(given, self.std, np.float32(0))
        values = np.where(given, self.values, np.float32(0))
        return self._unchecked(values, given, std if std.any() else None)

    def hardened(self) -> PartialAction:
        """For a policy that cannot weigh commands: those with a finite deviation become exact."""
        partial = self.finite()
        return partial if partial.std is None else self._unchecked(partial.values, partial.given)

    @property
    def action_dim(self) -> int:
        """Number of action dimensions, D."""
        return int(self.values.shape[-1])


def _checked_std(std: ArrayLike, given: np.ndarray) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):  # becomes infinite
            found = np.asarray(std, np.float32)
        found = np.where(found >= WIDEST, np.float32(np.inf), found)
        found = np.where(given, found, np.float32(0))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"std: expected numbers of shape {given.shape}, got {std!r:.100}"
        ) from error
    if found.shape != given.shape or not (found >= 0).all():
        raise InputError(
            "std: expected numbers from 0 on, infinity included, of the shape of given, "
            f"{given.shape}, got {std!r:.100}"
        )
    return found
