"""Reading LeRobotDatasets: memory against size, frames per second against lerobot's loader."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.demonstrations.episode import Episode
from mac_control.demonstrations.lerobot.meta import Choice, read_meta
from mac_control.demonstrations.lerobot.read import read_episodes
from mac_control.demonstrations.lerobot.spec import LeRobotSpec
from mac_control.demonstrations.lerobot.write import LeRobotWriter
from mac_control.files import write_json, write_text
from mac_control.robot import ActionDim, Robot

DIM, EPISODE = 26, 400

# What lerobot's users do: a loader of batches of its data set; and, one by one, its frames.
LEROBOT = r"""
import json, re, sys, time
import torch
torch.set_num_threads(1)
from lerobot.datasets.lerobot_dataset import LeRobotDataset
folder, frames, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
began, cpu = time.perf_counter(), time.process_time()
data = LeRobotDataset("a/b", root=folder)
opened = time.perf_counter() - began, time.process_time() - cpu
began, cpu, count = time.perf_counter(), time.process_time(), 0
for batch in torch.utils.data.DataLoader(data, batch_size=256):
    count += len(batch["action"])
    if count >= frames:
        break
read = time.perf_counter() - began, time.process_time() - cpu
peak = int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) / 1024
with open(out, "w") as file:
    json.dump({"frames": count, "open_s": opened, "read_s": read, "peak_mib": peak}, file)
"""


@dataclass
class Args:
    """Write data sets of several sizes, read each in a process of its own, with both readers."""

    out: Path = Path("results/lerobot-reading")
    """Folder for results.json and README.md."""
    sizes: str = "10000,100000,1000000,3000000"
    """Frames of each data set, with commas."""
    lerobot: str | None = os.environ.get("MAC_CONTROL_LEROBOT_PYTHON")
    """A Python interpreter with lerobot; None: measure only our reader."""
    frames: int = 20_000
    """Most frames for lerobot's loader, which reads one by one."""
    one: Path | None = None
    """Internal: read only this folder."""


def main(args: Args) -> None:
    if args.one is not None:
        write_json(args.out, _one(args.one))
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for size in map(int, args.sizes.split(",")):
            folder, out = Path(temporary) / f"frames-{size}", Path(temporary) / "out.json"
            began = time.process_time()
            write(folder, size)
            row: dict[str, Any] = {"size": size, "write_s": time.process_time() - began}
            row["file_mib"] = sum(p.stat().st_size for p in folder.rglob("*.parquet")) / 2**20
            command = [sys.executable, "-m", "benchmarks", "lerobot-reading", "--one", str(folder)]
            subprocess.run([*command, "--out", str(out)], check=True)
            row["ours"] = json.loads(out.read_text())
            if args.lerobot:
                parts = [args.lerobot, "-c", LEROBOT, str(folder), str(args.frames), str(out)]
                home = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(Path(temporary) / "hub")}
                subprocess.run(parts, check=True, env=os.environ | home)
                row["lerobot"] = json.loads(out.read_text())
            rows.append(row)
            print(row, flush=True)
    write_json(args.out / "results.json", {"rows": rows})
    write_text(args.out / "README.md", report(rows))
    print(report(rows))


def write(folder: Path, size: int) -> None:
    """Random episodes of 26 observed numbers and actions, written one at a time."""
    rng = np.random.default_rng(0)
    robot = Robot("random", tuple(ActionDim(f"joint{i}") for i in range(DIM)), rate=30.0)
    with LeRobotWriter(folder, LeRobotSpec.of_robot(robot, DIM), whole=True) as writer:
        for start in range(0, size, EPISODE):
            shape = (min(EPISODE, size - start), DIM)
            writer.add(Episode(rng.random(shape, np.float32), rng.random(shape, np.float32)))
        writer.finish()


def report(rows: list[dict[str, Any]]) -> str:
    """The table, as Markdown."""
    peaks = [round(row["ours"]["peak_mib"]) for row in rows]
    lines = [
        "# Reading LeRobotDatasets",
        "",
        f"**Peak memory is {min(peaks)} to {max(peaks)} MiB from {rows[0]['size']:,} to "
        f"{rows[-1]['size']:,} frames.**",
        "",
        "How fast are they read, and does memory grow with their size? Random data, 26 observed"
        f" numbers and 26 actions, episodes of {EPISODE} frames, written by this package; each read"
        " in a process of its own. Ours: every episode once, in order, as arrays. lerobot's: its"
        " `LeRobotDataset` in a `DataLoader` with batches of 256 and no workers, also in order, for"
        " some ten thousand frames. Frames per second of the process's own processor time; peak"
        " memory is its largest resident set, libraries included.",
        "",
        "    MAC_CONTROL_LEROBOT_PYTHON=PYTHON python -m benchmarks lerobot-reading",
        "",
        "| frames | files [MiB] | written [frames/s] | read, ours [frames/s] | lerobot [frames/s] "
        "| ratio | peak, ours [MiB] | lerobot [MiB] |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        ours = row["ours"]["frames"] / row["ours"]["read_s"][1]
        cells = [
            f"{row['size']:,}",
            f"{row['file_mib']:.0f}",
            f"{row['size'] / row['write_s']:,.0f}",
        ]
        cells.append(f"{ours:,.0f}")
        if other := row.get("lerobot"):
            theirs = other["frames"] / other["read_s"][1]
            cells += [f"{theirs:,.0f}", f"{ours / theirs:.0f}"]
        else:
            cells += ["", ""]
        cells.append(f"{row['ours']['peak_mib']:.0f}")
        cells.append(f"{other['peak_mib']:.0f}" if other else "")
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "lerobot's loader reads frame by frame and returns tensors, ours reads an episode at a time"
        " as arrays: the ratio compares the cost of reading, not of a training step. One run.",
    ]
    return "\n".join(lines) + "\n"


def _one(folder: Path) -> dict[str, Any]:
    began, cpu = time.perf_counter(), time.process_time()
    meta = read_meta(Choice(folder))
    opened = time.perf_counter() - began, time.process_time() - cpu
    began, cpu = time.perf_counter(), time.process_time()
    count = sum(len(episode) for episode in _finite(read_episodes(meta)))
    read = time.perf_counter() - began, time.process_time() - cpu
    # Not getrusage's figure, which includes the parent's peak.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+)", status)
    assert found is not None
    return {"frames": count, "open_s": opened, "read_s": read, "peak_mib": int(found[1]) / 1024}


def _finite(episodes: Iterator[Episode]) -> Iterator[Episode]:
    for episode in episodes:
        assert episode.actions.max() <= 1  # read, not only mapped
        yield episode
