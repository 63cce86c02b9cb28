"""A page of tables, with the machine on which they were measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mac_control.loop.statistics import with_interval
from mac_control.parallel import cores

#: Packages whose versions affect times.
PACKAGES = ("mac-control", "torch", "numpy", "mujoco", "onnxruntime", "diffusers")


@dataclass(frozen=True)
class Table:
    """The measurements of one run; each row has a `ratio` to the named row or column.

    Values are text, numbers, None where not measured, or mean and ends of an interval.
    """

    title: str
    about: str
    rows: Sequence[Mapping[str, Any]]


def machine() -> dict[str, Any]:
    """CPU, memory, system and versions."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    memory = (_field("/proc/meminfo", "MemTotal") or "").split()  # such as "24684084 kB"
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": cores(),
        "memory": f"{int(memory[0]) / 2**20:.0f} GiB" if memory else "unknown",
        "system": f"{platform.system()}, {platform.machine()}",
        "python": platform.python_version(),
        **versions,
    }


def load() -> float | None:
    """Mean number of runnable processes over the last minute; None where unknown."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def markdown(table: Table, command: str) -> str:
    """Heading, description, command to measure it again, and the table."""
    columns = list(dict.fromkeys(key for row in table.rows for key in row))
    lines = [f"## {table.title}", "", f"{table.about} `{command}`", ""]
    lines += ["| " + " | ".join(columns) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    for row in table.rows:
        lines.append("| " + " | ".join(_cell(row.get(column)) for column in columns) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        middle, *ends = value
        return with_interval(middle, ends)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _field(path: str, name: str) -> str | None:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    found = [line.partition(":")[2].strip() for line in lines if line.startswith(name)]
    return found[0] if found else None
