"""Runs work in parallel: over processes, or over the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mac_control.parallel.backend import Backend, Item, Result, cores, one_thread, use_threads
from mac_control.parallel.local import Local
from mac_control.parallel.options import FanOut
from mac_control.parallel.ray import Ray
from mac_control.parallel.shared import expect_shared

__all__ = [
    "Backend",
    "FanOut",
    "Local",
    "Ray",
    "cores",
    "expect_shared",
    "one_thread",
    "run_many",
    "use_threads",
]


def run_many(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int | Backend | None = None,
) -> Iterator[tuple[int, Result]]:
    """Yield `(index, function(items[index]))` for every item, in order of completion.

    `function` and the items must pickle, and a result must depend only on its item: then the
    results are the same whatever the workers. Each worker uses one thread, as sums depend on the
    number of threads. The work of a worker that dies is done again.

    Args:
        function: what to do with an item.
        items: started in this order.
        workers: processes of this machine (None: every core; 1: this process), or a
            :class:`Backend`, such as `Ray("10.0.0.1:6379")`.

    Raises:
        MacControlError: the workers of one item died repeatedly.

    Example:
        >>> dict(run_many(abs, [-1, 2, -3], workers=1))
        {0: 1, 1: 2, 2: 3}
    """
    backend = workers if isinstance(workers, Backend) else Local(workers)
    return backend.run(function, items)
