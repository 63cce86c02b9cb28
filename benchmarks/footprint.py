"""What acting needs on a small computer: memory, and time from start to first action."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.page import Table
from mac_control.errors import MacControlError

_PROGRAM = """
import time
start = time.perf_counter()
import json, pathlib, sys
import numpy as np
{load}
policy.act(np.zeros(policy.obs_dim))
first = time.perf_counter() - start
for _ in range(50):
    policy.act(np.zeros(policy.obs_dim))
status = pathlib.Path("/proc/self/status")
peak = status.read_text().split("VmHWM:")[1].split()[0] if status.exists() else "nan"
print(json.dumps([float(peak) / 1024, first, "torch" in sys.modules]))
"""

_TORCH = """
import torch
torch.set_num_threads(1)
from mac_control import load_policy
policy = load_policy(sys.argv[1])
"""

_ONNX = """
from mac_control.policies.onnx import OnnxPolicy
policy = OnnxPolicy(sys.argv[1])
"""


def tables(folder: Path, file: Path) -> list[Table]:
    """Rows for a checkpoint and for its export, each in a process of its own."""
    rows: list[dict[str, Any]] = []
    for name, load, path in (
        ("MAC in torch", _TORCH, folder),
        ("MAC in ONNX Runtime", _ONNX, file),
    ):
        peak, first, torch = _run(load, path)
        assert torch == (load is _TORCH), "the exported policy imported torch"
        rows.append({"process": name, "peak memory [MiB]": peak, "first action after [s]": first})
    for row in rows:
        row["ratio"] = row["peak memory [MiB]"] / rows[0]["peak memory [MiB]"]
    about = "A process that loads a policy and acts, imports included. The ratio is of memory."
    return [Table("Memory of acting", about, rows)]


def _run(load: str, path: Path) -> tuple[float, float, bool]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(load=load), str(path)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise MacControlError(f"{path}: expected an action, got {done.stderr.splitlines()[-1:]}")
    peak, first, torch = json.loads(done.stdout)
    return peak, first, torch
