"""Work that fans out over processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from mac_control.parallel.backend import (
    ATTEMPTS,
    Backend,
    Item,
    Result,
    WorkersDied,
    checked_workers,
    cores,
    one_thread,
)


@dataclass(frozen=True)
class Local(Backend):
    """Processes of this machine.

    Args:
        workers: how many; None: every core; 1: this process itself.

    Example:
        >>> dict(Local(1).run(abs, [-1, 2]))
        {0: 1, 1: 2}
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        checked_workers(self.workers)

    def run(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        count = min(self.workers or cores(), len(items))
        if count <= 1:
            for index, item in enumerate(items):
                with one_thread():
                    result = function(item)
                yield index, result
            return
        workers = [_Worker() for _ in range(count)]
        free: SimpleQueue[_Worker] = SimpleQueue()
        for worker in workers:
            free.put(worker)

        def work(index: int, item: Item) -> Result:
            worker = free.get()
            try:
                return worker.run(function, index, item)
            finally:
                free.put(worker)

        threads = ThreadPoolExecutor(count)  # each waits for one worker
        try:
            futures = {threads.submit(work, *pair): pair[0] for pair in enumerate(items)}
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.stop()


class _Worker:
    """A process, and the next one where it dies: it alone, with the one item it was at."""

    def __init__(self) -> None:
        self.pool: ProcessPoolExecutor | None = None
        self.pid: int | None = None
        self.busy = self.stopped = False

    def run(self, function: Callable[[Item], Result], index: int, item: Item) -> Result:
        for _ in range(ATTEMPTS):
            try:
                if self.pool is None:
                    self.start()
                self.busy = True
                return self.pool.submit(function, item).result()
            except BrokenProcessPool:
                self.pool = self.pid = None
                if self.stopped:
                    raise
            finally:
                self.busy = False
        raise WorkersDied(index, item)

    def start(self) -> None:
        # Spawned, not forked: torch and MuJoCo hold threads and locks that do not survive a fork.
        context: Any = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(1, context, initializer=_start)
        self.pid = self.pool.submit(os.getpid).result()

    def stop(self) -> None:
        """End the process, killed where it is at work: nobody waits for the result."""
        self.stopped = True
        pool, pid = self.pool, self.pid
        if self.busy and pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


def _start() -> None:
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    # A worker whose parent was killed would otherwise wait for work for ever.
    multiprocessing.parent_process().join()
    os._exit(1)
