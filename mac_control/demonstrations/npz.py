"""Reads demonstrations from an `.npz` file of plain arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mac_control.arrays import npz_arrays
from mac_control.checksums import sha256
from mac_control.demonstrations.d4rl import from_arrays
from mac_control.demonstrations.episode import Demonstrations
from mac_control.errors import DataError

#: Arrays that say where episodes end: `ends` as counts of steps, the others as flags per step.
_ENDS = ("ends", "terminals", "timeouts")
_STEPS = ("observations", "actions", "rewards", "executed", "given", "subtasks", "failed")


def read_npz(path: str | Path, obs: str = "positions") -> Demonstrations:
    """Demonstrations in an `.npz` file.

    Needs `observations` `(N, O)`, `actions` `(N, D)` and `ends` `(E,)`, the number of steps up to
    the end of each episode; or `terminals` or `timeouts` `(N,)` as in D4RL's files. Reads
    `rewards`, `executed`, `given`, `subtasks` and `failed` where present.

    Raises:
        DataError: no such file, not of this layout, or it contains Python objects.
    """
    path = Path(path)
    provenance = {"source": path.name, "sha256": sha256(path), "format": "npz"}
    return from_arrays(npz_columns(path), provenance, obs)


def npz_columns(path: Path) -> dict[str, Any]:
    """The arrays of an `.npz`, with `ends` turned into `terminals`.

    Raises:
        DataError: as `read_npz`.
    """
    arrays: dict[str, Any] = {**npz_arrays(path, (*_STEPS, *_ENDS), "an .npz of arrays")}
    missing = [name for name in ("observations", "actions") if name not in arrays]
    if missing:
        raise DataError(
            f"{path}: expected observations, actions and ends, got no {' and no '.join(missing)}"
        )
    ends = arrays.pop("ends", None)
    if ends is not None:
        steps, last = len(arrays["actions"]), np.asarray(ends).ravel()
        rising = last.size > 0 and last.dtype.kind in "iu" and bool((last[:-1] < last[1:]).all())
        if not rising or last[0] < 1 or last[-1] != steps:
            raise DataError(
                f"{path}: ends: expected rising numbers of steps that end with {steps}, "
                f"got {last[:5].tolist()}"
            )
        arrays["terminals"] = np.zeros(steps, bool)
        arrays["terminals"][last - 1] = True
    return arrays
