"""The processes that train one policy together, each on its share of every batch."""

from __future__ import annotations

import atexit
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from mac_control.errors import InputError, MacControlError

Value = TypeVar("Value")


@dataclass(frozen=True)
class DistributedContext:
    """This process's rank among those that train together, and how many there are.

    All processes draw the same batch and each takes a share of it; sums over the processes equal
    what a single one (`size = 1`) would compute, up to rounding. Gradients are summed here, not by
    DistributedDataParallel, which wraps a module: it fits neither policies stacked by `torch.func`
    nor batches of unequal weight.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def share(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """This process's samples of a batch."""
        if self.size == 1:
            return batch
        return {k: value.tensor_split(self.size)[self.rank] for k, value in batch.items()}

    def expect_rows(self, batch_size: int) -> None:
        """Raise an InputError where a batch has no sample for some process."""
        if batch_size < self.size:
            raise InputError(
                f"batch_size: expected at least {self.size}, one for each process, got {batch_size}"
            )

    @torch.no_grad()
    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes, all in one message."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _sentence():
            dist.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def by_first(self, function: Callable[[], Value]) -> Value:
        """What `function` returns in the first process, the only one that calls it."""
        if self.size == 1:
            return function()
        box = [function() if self.first else None]
        with _sentence():
            dist.broadcast_object_list(box, 0)
        return box[0]  # type: ignore[return-value]

    def require_same(self, name: str, value: Any) -> None:
        """Wait for all processes, and raise an InputError where they differ in `value`."""
        if self.size == 1:
            return
        values: list[Any] = [None] * self.size
        with _sentence():
            dist.all_gather_object(values, value)
        if any(other != value for other in values):
            raise InputError(
                f"{name}: expected the same in all {self.size} processes, got {values}; "
                "do all machines see the same folders?"
            )


def init_distributed(device: str) -> DistributedContext:
    """The processes started by `torchrun`, connected at the first call; else this one alone.

    CPUs communicate through gloo, GPUs through NCCL, each process with a GPU of its own. The
    connection lasts until the interpreter ends: torchrun's store cannot tell a second one from
    the first.

    Raises:
        MacControlError: another process ended prematurely.
    """
    if dist.is_torchelastic_launched() and not dist.is_initialized():
        gpu = torch.device(device).type == "cuda"
        if gpu:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        # Optimizers import this. Imported while a group exists, it keeps the group alive, and the
        # group's threads then sometimes hang the interpreter at its end (torch 2.13).
        importlib.import_module("torch._dynamo")
        with _sentence():
            dist.init_process_group("nccl" if gpu else "gloo")
        atexit.register(dist.destroy_process_group)
    return (
        DistributedContext(dist.get_rank(), dist.get_world_size())
        if dist.is_initialized()
        else DistributedContext()
    )


@contextmanager
def _sentence() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # from gloo or NCCL, whatever happened to the other process
        raise MacControlError(
            "training: expected all processes to go on, lost one of them "
            f"({str(error).splitlines()[0][:200]}); what was last saved is whole, and the same "
            "command goes on from it"
        ) from error
