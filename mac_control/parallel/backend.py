"""The interface of backends that run work in parallel."""

from __future__ import annotations

import os
import reprlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from mac_control.errors import InputError, MacControlError

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Attempts at an item whose worker dies, before giving up.
ATTEMPTS = 3


class Backend(ABC):
    """Runs a function on many items, each with one thread."""

    @abstractmethod
    def run(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield `(index, result)` for every item, in order of completion.

        An error that the function raises is raised here. The work of a worker that dies is done
        again.

        Raises:
            MacControlError: the workers of one item died `ATTEMPTS` times.
        """


class WorkersDied(MacControlError):
    """The workers of one item died repeatedly; names the item and its index."""

    def __init__(self, index: int, item: Any, why: str = "out of memory?") -> None:
        super().__init__(
            f"item {index}: its workers died {ATTEMPTS} times ({why}): {_short.repr(item)}"
        )


_short = reprlib.Repr()
_short.maxother = _short.maxstring = 200


def checked_workers(workers: int | None) -> None:
    """Raise an InputError for fewer workers than one."""
    if workers is not None and workers < 1:
        raise InputError(f"workers: expected at least 1, got {workers}")


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_threads(count: int) -> None:
    """Let torch use `count` threads from now on.

    Raises:
        InputError: fewer than one.
    """
    import torch

    if count < 1:
        raise InputError(f"threads: expected at least 1, got {count}")
    torch.set_num_threads(count)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread within the block: the last bits depend on the number of threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def single_threaded() -> None:
    """Let torch use one thread in this process from now on.

    Does not import torch: a worker that only simulates does without it, and starts sooner.
    """
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
