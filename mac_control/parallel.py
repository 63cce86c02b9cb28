"""The one place where work fans out over processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from mac_control.errors import InputError, MacControlError

Item = TypeVar("Item")
Result = TypeVar("Result")

#: How often the work of a worker that died is done again before giving up.
RETRIES = 3


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_many(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int | None = None
) -> Iterator[tuple[int, Result]]:
    """Yield `(index, function(items[index]))` for every item, in the order they are done.

    `function` and the items must pickle, and a result must depend on its item alone: then the
    results are the same whatever the number of workers (default: every core; 1: this process).
    Each computes with one thread, for sums depend on how many there are. A worker that dies has
    its unfinished work done again.

    Raises:
        MacControlError: workers died again and again.

    Example:
        >>> dict(run_many(abs, [-1, 2, -3], workers=1))
        {0: 1, 1: 2, 2: 3}
    """
    workers = cores() if workers is None else workers
    if workers < 1:
        raise InputError(f"workers: expected at least 1, got {workers}")
    if workers == 1 or len(items) <= 1:
        for index, item in enumerate(items):
            with one_thread():
                result = function(item)
            yield index, result
        return
    waiting = dict(enumerate(items))
    for _ in range(RETRIES):
        try:
            for index, result in _run_pool(function, waiting, min(workers, len(waiting))):
                del waiting[index]
                yield index, result
            return
        except BrokenProcessPool:
            continue
    raise MacControlError(
        f"workers died {RETRIES} times (out of memory?): "
        f"{len(waiting)} of {len(items)} items are not done"
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes with one thread within the block: the last bits depend on how many."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _run_pool(
    function: Callable[[Item], Result], waiting: dict[int, Item], workers: int
) -> Iterator[tuple[int, Result]]:
    # Spawned, not forked: torch and MuJoCo hold threads and locks that do not survive a fork.
    context: Any = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker)
    try:
        futures = {pool.submit(function, item): index for index, item in waiting.items()}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _start_worker() -> None:
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    # A worker whose parent was killed would otherwise wait for work for ever.
    multiprocessing.parent_process().join()
    os._exit(1)
