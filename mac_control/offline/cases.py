"""Cases: which dimensions are given while a policy fills in the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mac_control.dim_names import named_groups
from mac_control.errors import InputError
from mac_control.options import expect_different
from mac_control.robot import Robot


@dataclass(frozen=True)
class Case:
    """One way to give dimensions: always the same ones, or a number drawn anew in each episode.

    Args:
        name: its name in tables.
        dims: the given dimensions.
        num_random: or how many are drawn.
    """

    name: str
    dims: tuple[int, ...] = ()
    num_random: int = 0

    def given(self, dim: int, episode: int) -> np.ndarray:
        """The mask `(D,)` in an episode; it depends only on the number of the episode.

        Example:
            >>> Case("arm", (0, 2)).given(3, 0).tolist()
            [True, False, True]
            >>> Case("2 random", num_random=2).given(9, 4).sum()
            np.int64(2)
        """
        mask = np.zeros(dim, bool)
        chosen = list(self.dims)
        if self.num_random:
            rng = np.random.default_rng((self.num_random, episode))
            chosen = rng.permutation(dim)[: self.num_random].tolist()
        mask[chosen] = True
        return mask


def default_cases(robot: Robot | None, dim: int, names: Sequence[str] = ()) -> list[Case]:
    """Nothing given, each group of the robot, and 1, 3 and half of the dimensions at random.

    Args:
        robot: its groups, or its dimension names, define cases; None: random cases only.
        dim: number of action dimensions, D.
        names: only these: `nothing`, a group or a dimension, several with `+` between them, or
            `k random` (or `3random`). Empty: all.

    Raises:
        InputError: a name that is none of these, appears twice, or leaves nothing to fill in.

    Example:
        >>> [case.name for case in default_cases(None, 6)]
        ['nothing', '1 random', '3 random']
        >>> default_cases(None, 6, ["2random"])[0].num_random
        2
    """
    if robot is not None and not robot.groups:
        groups = named_groups([action.name for action in robot.actions])
        robot = replace(robot, groups=groups)
    if names:
        cases = [_named(name, robot, dim) for name in names]
        expect_different("cases", [case.name for case in cases])
        return cases
    groups = dict(robot.groups) if robot else {}
    sizes = sorted({k for k in (1, 3, dim // 2) if 0 < k < dim})
    return [
        Case("nothing"),
        *(Case(name, tuple(dims)) for name, dims in groups.items() if len(dims) < dim),
        *(Case(f"{k} random", num_random=k) for k in sizes),
    ]


def _named(name: str, robot: Robot | None, dim: int) -> Case:
    if name == "nothing":
        return Case(name)
    number = name.removesuffix("random").strip()
    if name.endswith("random") and number.isdigit():
        if not 0 < int(number) < dim:
            raise InputError(f"cases: expected 1 to {dim - 1} random dimensions, got {name!r}")
        return Case(f"{number} random", num_random=int(number))
    if robot is None:
        raise InputError(
            f"cases: expected nothing or 'k random' for data that name no robot, got {name!r}"
        )
    try:
        dims = robot.dims(*name.split("+"))
    except InputError as error:
        raise InputError(f"cases: {error}") from error
    if len(dims) >= dim:
        raise InputError(f"cases: expected a dimension left to fill in, got {name!r}")
    return Case(name, dims)
