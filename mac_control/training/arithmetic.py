"""The arithmetic of training: bfloat16 where a machine has it and gains from it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from mac_control.errors import InputError

#: Rows of a batch in all from which bfloat16 was measured to be faster on CPUs that have it: MAC
#: takes 1.5 to 2.1 times as many steps a second with 1,024, equally many with 256.
MANY_ROWS = 512


def require_device(device: str) -> None:
    """Check that this machine has a device.

    Raises:
        InputError: it does not.
    """
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device: expected one that this machine has, got {device!r}") from error


def has_bf16(device: str = "cpu") -> bool:
    """Whether a device multiplies in bfloat16 natively; emulated, it is many times slower."""
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return kind == "cpu" and bool({"avx512_bf16", "amx_bf16", "bf16"} & _flags())


def chosen_bf16(wanted: bool | None, device: str, rows: int) -> tuple[bool, str | None]:
    """Whether to compute in bfloat16, and a line to print where that differs from `wanted`.

    Args:
        wanted: None: where it is faster.
        device: the device that trains.
        rows: rows of all batches, known sets or candidates included.

    Example:
        >>> chosen_bf16(False, "cpu", 1024)
        (False, None)
    """
    if wanted is None:
        if has_bf16(device) and rows >= MANY_ROWS:
            return True, "arithmetic: bfloat16, which this machine has (--bf16 False: float32)"
        return False, None
    if wanted and not has_bf16(device):
        return False, f"arithmetic: float32, as {device} has no bfloat16, where it would crawl"
    return wanted, None


def autocast(device: str, bf16: bool) -> torch.autocast:
    """bfloat16 for the operations that are safe in it, where the device has it."""
    enabled = bf16 and has_bf16(device)
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=enabled)


@cache
def _flags() -> frozenset[str]:
    """The CPU's feature flags, as Linux lists them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    named = (line.partition(":") for line in lines)
    return frozenset(
        flag
        for name, _, value in named
        if name.strip() in ("flags", "Features")
        for flag in value.split()
    )
