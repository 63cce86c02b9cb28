"""Runs work in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.context import SpawnContext
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
    single_threaded,
)


@dataclass(frozen=True)
class Local(Backend):
    """Processes of this machine.

    Args:
        workers: number of processes; None: one per core; 1: this process itself.

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

        threads = ThreadPoolExecutor(count, initializer=_shield)  # each waits for one worker
        try:
            futures = {threads.submit(work, *pair): pair[0] for pair in enumerate(items)}
            pending = set(futures)
            while pending:  # with a timeout, as a signal can arrive just before the wait
                done, pending = wait(pending, timeout=0.3, return_when=FIRST_COMPLETED)
                for future in done:
                    yield futures.pop(future), future.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.stop()


class _Spawn(SpawnContext):
    """Spawned, not forked: torch and MuJoCo hold threads and locks that do not survive a fork.

    Remembers the process that it made, so that it can be killed while it starts.
    """

    made: Any = None

    def Process(self, *arguments: Any, **options: Any) -> Any:
        self.made = super().Process(*arguments, **options)
        return self.made


class _Worker:
    """A process that is replaced when it dies; only its current item is then done again."""

    def __init__(self) -> None:
        self.pool: ProcessPoolExecutor | None = None
        self.context = _Spawn()
        self.busy = self.stopped = False
        self._starting = threading.Lock()

    def run(self, function: Callable[[Item], Result], index: int, item: Item) -> Result:
        self.busy = True
        try:
            for _ in range(ATTEMPTS):
                try:
                    if self.pool is None:
                        self.start()
                    return self.pool.submit(function, item).result()
                except BrokenProcessPool:
                    self.pool = None
                    if self.stopped:
                        raise
        finally:
            self.busy = False
        raise WorkersDied(index, item)

    def start(self) -> None:
        with self._starting:
            if self.stopped:
                raise BrokenProcessPool("stopped before it began")
            self.pool = ProcessPoolExecutor(1, self.context, initializer=_start)
            begun = self.pool.submit(os.getpid)
        begun.result()

    def stop(self) -> None:
        """End the process, by a kill while it starts or is busy: its result is no longer needed."""
        with self._starting:
            self.stopped = True
        pool = self.pool
        if pool is not None and self.busy:
            self.context.made.kill()
        if pool is not None:  # wait: its thread must not close what the exit still uses
            pool.shutdown(wait=True, cancel_futures=True)


def _shield() -> None:
    # Processes that a thread starts inherit its mask: Ctrl-C does not reach them before `_start`.
    if hasattr(signal, "pthread_sigmask"):
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # starting it later would unblock signals again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _start() -> None:
    single_threaded()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    # A worker whose parent was killed would otherwise wait for work for ever.
    multiprocessing.parent_process().join()
    os._exit(1)
