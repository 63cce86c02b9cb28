"""What carries out work that fans out."""

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

#: How often an item is begun whose worker dies, before giving up.
ATTEMPTS = 3


class Backend(ABC):
    """Carries out a function on many items, each computed with one thread."""

    @abstractmethod
    def run(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield `(index, result)` for every item, in the order they are done.

        An error that the function raises is raised here. A worker that dies has its work done
        again.

        Raises:
            MacControlError: the workers of one item died `ATTEMPTS` times.
        """


class WorkersDied(MacControlError):
    """The workers of one item died again and again: its index, and what it is."""

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
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_threads(count: int) -> None:
    """Torch computes with so many threads from now on.

    Raises:
        InputError: fewer than one.
    """
    import torch

    if count < 1:
        raise InputError(f"threads: expected at least 1, got {count}")
    torch.set_num_threads(count)


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


def single_threaded() -> None:
    """Torch computes with one thread in this process, from now on.

    It need not be loaded, and is not: a worker that simulates does without, and starts sooner.
    """
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
