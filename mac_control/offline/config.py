"""Settings of offline evaluation; light to import, for the command line."""

from __future__ import annotations

from dataclasses import dataclass

from mac_control.errors import InputError


@dataclass(frozen=True)
class OfflineConfig:
    """How recorded episodes are held out, and how policies are rated on them."""

    folds: int = 5
    """Parts of the episodes, each held out once while the policies train on the others."""
    run_folds: int | None = None
    """Number of folds to run; None: all."""
    seeds: str = "0,1,2"
    """Training seeds."""
    seconds: float | None = None
    """Training time of each policy on one core of this machine, the same for all [s]; the number of
    steps follows from the time of a step, measured once. None: the steps of each preset."""
    cases: tuple[str, ...] = ()
    """Which dimensions are given: nothing, a group or a dimension of the robot, several with +,
    or 3random. Empty: nothing, each group, and 1, 3 and half of the dimensions at random."""
    stride: int = 5
    """Every how many frames of held-out episodes a policy is rated; neighbours hardly differ."""
    calibration: int = 4
    """For calibration, draws are taken at one in this many of the rated frames."""

    def __post_init__(self) -> None:
        for name in ("folds", "run_folds", "stride", "calibration"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name}: expected at least 1, got {value}")
        if self.seconds is not None and not 0 < self.seconds < float("inf"):
            raise InputError(f"seconds: expected a number above 0, got {self.seconds}")
