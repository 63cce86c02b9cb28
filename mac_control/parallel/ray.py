"""Runs work on the machines of a Ray cluster."""

from __future__ import annotations

import functools
import io
import logging
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from mac_control.errors import InputError, MacControlError
from mac_control.parallel.backend import (
    ATTEMPTS,
    Backend,
    Item,
    Result,
    WorkersDied,
    checked_workers,
    cores,
    single_threaded,
)
from mac_control.parallel.shared import expect_shared

#: Time that a cluster has to respond [s].
PATIENCE = 30

#: Environment variables passed on to workers, so that they mean the same on every machine.
VARIABLES = ("MAC_CONTROL_DATA", "MINARI_DATASETS_PATH", "MUJOCO_GL")

#: A pickled value, and references to the demonstrations in it.
Packed = tuple[bytes, list[Any]]


@dataclass(frozen=True)
class Ray(Backend):
    """Tasks of one core each on a Ray cluster; Ray restarts tasks whose worker or node dies.

    Args:
        address: `HOST:PORT` of the cluster, which this machine must be part of. None: that in
            $RAY_ADDRESS, or a cluster of this machine alone, started now. An existing connection
            of this process is used whatever the address.
        workers: tasks at once; None: as many as the cluster has cores.
    """

    address: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        checked_workers(self.workers)

    def run(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        ray = self._connected()
        task = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(_work)
        site, shared = Site.here(), Shared()
        waiting, running = iter(enumerate(items)), {}
        work = ray.put(shared.pack(function))
        try:
            while True:
                for index, item in islice(waiting, max(0, self._most(ray) - len(running))):
                    running[task.remote(site, work, shared.pack(item))] = index
                if not running:
                    return
                (done,), _ = ray.wait(list(running))
                index = running.pop(done)
                try:
                    result = ray.get(done)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from error
                except ray.exceptions.RayError as error:
                    why = f"{type(error).__name__} of Ray"
                    raise WorkersDied(index, items[index], why) from error
                yield index, result
        finally:
            for ref in running:
                ray.cancel(ref, force=True)

    def _most(self, ray: Any) -> int:
        """Most tasks running or queued: twice the cores, so that no node waits for the next."""
        return self.workers or max(2, 2 * int(ray.cluster_resources().get("CPU", 0)))

    def _connected(self) -> Any:
        """The package, connected to the cluster.

        Raises:
            InputError: Ray is missing, or no cluster responds at the address.
        """
        try:
            import ray
        except ImportError as error:
            raise InputError(
                "backend: expected the package ray, got none; pip install 'mac-control[ray]'"
            ) from error
        if ray.is_initialized():
            return ray
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no usage reports to Ray's makers
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.WARNING}
        address = self.address or os.environ.get("RAY_ADDRESS")
        if address is None:
            options |= {"num_cpus": self.workers or cores(), "include_dashboard": False}
        else:
            _expect_answer(address)
        try:
            ray.init(address or "local", **options)
        except Exception as error:  # of any kind
            raise MacControlError(
                f"address: expected a Ray cluster that this machine is part of (ray start "
                f"--address={address}), of the same versions of Ray and Python; Ray says: {error}"
            ) from error
        return ray


def _expect_answer(address: str) -> None:
    """Ask for the cluster's status first, as Ray itself would retry for minutes.

    Raises:
        InputError: not an address, or no cluster responds.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise InputError(f"address: expected HOST:PORT of a Ray cluster, got {address!r}")
    command = [sys.executable, "-m", "ray.scripts.scripts", "status", "--address", address]
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
        subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
    except (OSError, OverflowError, subprocess.SubprocessError) as error:
        raise InputError(
            f"address: expected a Ray cluster at {address}, none answered ({error}); "
            "'ray start --head' starts one and prints its address"
        ) from error


@dataclass(frozen=True)
class Site:
    """Folder and variables of the command: paths and data names mean the same in a worker."""

    folder: str
    variables: dict[str, str]

    @classmethod
    def here(cls) -> Site:
        """The site of this process."""
        return cls(os.getcwd(), {k: os.environ[k] for k in VARIABLES if k in os.environ})

    def enter(self) -> None:
        """Apply it to this process.

        Raises:
            InputError: this machine does not have the folder.
        """
        expect_shared(Path(self.folder))
        os.chdir(self.folder)
        os.environ.update(self.variables)


class Shared:
    """Pickles items; the demonstrations in them travel to a machine once, not with each item."""

    def __init__(self) -> None:
        self._refs: dict[int, tuple[Any, Any]] = {}  # keeps the object, else its id might be reused

    def pack(self, value: Any) -> Packed:
        """The pickled value, with indices in place of demonstrations, and references to these."""
        from ray import cloudpickle

        from mac_control.demonstrations import Demonstrations

        refs: list[Any] = []

        class Pickler(cloudpickle.Pickler):
            def persistent_id(_, part: Any) -> int | None:
                if not isinstance(part, Demonstrations):
                    return None
                refs.append(self._ref(part))
                return len(refs) - 1

        buffer = io.BytesIO()
        Pickler(buffer).dump(value)
        return buffer.getvalue(), refs

    def _ref(self, part: Any) -> Any:
        import ray

        if id(part) not in self._refs:
            # As bytes: arrays that Ray hands out are read-only, unlike those of a process.
            self._refs[id(part)] = part, ray.put(pickle.dumps(part))
        return self._refs[id(part)][1]


def _work(site: Site, function: Packed, item: Packed) -> Any:
    """Runs in a worker; results must not depend on its number of threads."""
    single_threaded()
    site.enter()
    return _unpack(function)(_unpack(item))


def _unpack(packed: Packed) -> Any:
    content, refs = packed

    class Unpickler(pickle.Unpickler):
        def persistent_load(_, number: int) -> Any:
            return _fetched(refs[number])

    return Unpickler(io.BytesIO(content)).load()


@functools.lru_cache(maxsize=4)
def _fetched(ref: Any) -> Any:
    import ray

    return pickle.loads(ray.get(ref))
