"""Options of the verbs that work in parallel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mac_control.errors import InputError
from mac_control.parallel.backend import Backend
from mac_control.parallel.local import Local
from mac_control.parallel.ray import Ray


@dataclass(kw_only=True)
class FanOut:
    """Where the work is done; the results do not depend on it."""

    workers: int | None = None
    """Number of parallel processes; None: one per core."""
    backend: Literal["local", "ray"] = "local"
    """local: processes of this machine; ray: tasks on a Ray cluster, whose machines must share
    this folder and everything read and written (docs/cluster.md)."""
    address: str | None = None
    """HOST:PORT of the Ray cluster; None: $RAY_ADDRESS, or one of this machine alone."""

    def chosen(self) -> Backend:
        """The chosen backend.

        Raises:
            InputError: an address without Ray.

        Example:
            >>> FanOut(workers=2).chosen()
            Local(workers=2)
        """
        if self.backend == "ray":
            return Ray(self.address, self.workers)
        if self.address is not None:
            raise InputError(f"address: expected none without --backend ray, got {self.address}")
        return Local(self.workers)
