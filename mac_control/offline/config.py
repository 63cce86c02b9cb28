"""How recorded episodes are held out; light, for a command line's options."""

from __future__ import annotations

from dataclasses import dataclass

from mac_control.errors import InputError


@dataclass(frozen=True)
class OfflineConfig:
    """How recorded episodes are held out, and what is asked of a policy on them."""

    folds: int = 5
    """Parts of the episodes, each held out once while the policies train on the others."""
    run_folds: int | None = None
    """How many of them are run; None: all."""
    seeds: str = "0,1,2"
    """Training seeds."""
    seconds: float | None = None
    """Training time of each policy, in seconds of one core of this machine, the same for all:
    steps follow from a step's time, measured once. None: the steps of each policy's preset."""
    cases: tuple[str, ...] = ()
    """Which dimensions are given: nothing, a group or a dimension of the robot, several with +,
    or 3random. Empty: nothing, each group, and 1, 3 and half of the dimensions at random."""
    stride: int = 5
    """In held-out episodes, one frame in so many is asked; neighbours hardly differ."""
    calibration: int = 4
    """For calibration, draws are taken at one in so many of those frames."""

    def __post_init__(self) -> None:
        for name in ("folds", "run_folds", "stride", "calibration"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name}: expected at least 1, got {value}")
        if self.seconds is not None and not 0 < self.seconds < float("inf"):
            raise InputError(f"seconds: expected a number above 0, got {self.seconds}")
