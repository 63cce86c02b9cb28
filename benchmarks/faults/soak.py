"""Long rollouts and recording, as fast as they go: does anything grow?"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fresh import policy_of
from mac_control.cli import run
from mac_control.demonstrations import load_demonstrations
from mac_control.envs import make_kitchen
from mac_control.errors import InputError
from mac_control.files import write_json
from mac_control.loop import rollout_group
from mac_control.operators import make_operator
from mac_control.parallel import one_thread
from mac_control.teleop.loop import Teleoperation
from mac_control.teleop.recording import MinariRecorder

#: What is watched, and its unit. Resident memory includes free pieces that the allocators keep for
#: later; a leak shows in memory in use: of C's allocator, and in Python's blocks.
WATCHED = (
    "resident memory [MiB]",
    "in use of C's allocator [MiB]",
    "Python's blocks",
    "file handles",
    "threads",
)
#: Number of stretches of time over which figures are averaged; their errors are nearly independent.
STRETCHES = 24
#: Student's t at 97.5 % for a line through that many points.
T = 2.074


@dataclass
class Args:
    """Rounds of rollouts in lockstep and of recorded driving, without waiting for real time.

    Slopes are fitted to means of 24 stretches of time after the warm-up.
    """

    minutes: float = 30.0
    """Duration of the run."""
    warm: float = 0.2
    """Share of the time left out at the start, while caches fill."""
    policy: str = "mac"
    """Checkpoint, or the name of an untrained policy of default size."""
    episodes: int = 4
    """Rollouts in a round, in lockstep."""
    steps: int = 60
    """Steps of an episode."""
    recorded: int = 12
    """Episodes in a recording; it is then read and deleted, and the next one started."""
    out: Path | None = None
    """JSON file for the figures."""


def main(args: Args) -> int | None:
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        samples = _soak(args, Path(folder))
    figures = {**_slopes(samples, args.warm), **_counts(args, samples)}
    print(json.dumps(figures, indent=2))
    if args.out is not None:
        write_json(args.out, figures)


def _soak(args: Args, folder: Path) -> np.ndarray:
    """Rows of seconds, watched figures, steps rolled out, and steps recorded."""
    policy = policy_of(args.policy)
    envs = [make_kitchen(max_episode_steps=args.steps)]
    envs += [envs[0].twin() for _ in range(args.episodes - 1)]
    driven = envs[0].twin()
    samples = array("d")  # a list of tuples would itself grow in Python's blocks
    began, rounds, rolled, recorded = time.monotonic(), 0, 0, 0
    while time.monotonic() - began < 60 * args.minutes:
        operators = [make_operator("random", action_dim=9, given=3) for _ in envs]
        seeds = range(rounds * args.episodes, (rounds + 1) * args.episodes)
        rolled += sum(len(t) for t in rollout_group(envs, policy, operators, seeds=seeds))
        target = folder / "drive-v0"
        recorder = MinariRecorder(target, driven)
        loop = Teleoperation(
            driven,
            policy,
            make_operator("random", action_dim=9, given=3),
            recorder=recorder,
            seed=rounds,
            sleep=lambda _: None,
        )
        loop.run(steps=args.steps)
        loop.close()
        recorded += args.steps
        if recorder.episodes >= args.recorded:
            assert len(load_demonstrations(target)) == args.recorded
            shutil.rmtree(target)
        rounds += 1
        samples.extend((time.monotonic() - began, *_look(), rolled, recorded))
    for env in [*envs, driven]:
        env.close()
    return np.array(samples).reshape(rounds, -1)


def _look() -> tuple[float, ...]:
    gc.collect()  # garbage not yet collected is not a leak
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    memory = pages * resource.getpagesize() / 2**20
    handles = len(os.listdir("/proc/self/fd"))
    return memory, _in_use(), sys.getallocatedblocks(), handles, threading.active_count()


class _MallInfo(ctypes.Structure):
    """The figures of glibc's `mallinfo2`, summed over its arenas."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _in_use() -> float:
    """Memory allocated by C's allocator and not freed [MiB]; 0 without glibc 2.33."""
    try:
        mallinfo = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0.0
    mallinfo.restype = _MallInfo
    info = mallinfo()
    return (info.uordblks + info.hblkhd) / 2**20


def _slopes(samples: np.ndarray, warm: float) -> dict[str, Any]:
    """Least-squares slope per hour of each figure, over means of stretches, with its interval."""
    kept = samples[samples[:, 0] >= warm * samples[-1, 0]]
    if len(kept) < STRETCHES:
        raise InputError(f"minutes: expected time for {STRETCHES} rounds, got {len(kept)}")
    means = np.array([part.mean(0) for part in np.array_split(kept, STRETCHES)])
    figures = {}
    for column, name in enumerate(WATCHED, start=1):
        if not means[:, column].any():
            continue  # not available on this machine
        (slope, _), cov = np.polyfit(means[:, 0] / 3600, means[:, column], 1, cov=True)
        half = T * float(np.sqrt(cov[0, 0]))
        figures[name] = {
            "first": float(means[0, column]),
            "last": float(means[-1, column]),
            "slope per hour": float(slope),
            "95 % interval": [float(slope) - half, float(slope) + half],
        }
    return figures


def _counts(args: Args, samples: np.ndarray) -> dict[str, Any]:
    seconds, rolled, recorded = samples[-1, [0, -2, -1]].tolist()
    return {
        "policy": args.policy,
        "minutes": round(seconds / 60, 2),
        "rounds": len(samples),
        "steps rolled out": int(rolled),
        "steps recorded": int(recorded),
        "times real time": round((rolled + recorded) / 12.5 / seconds, 1),
    }


if __name__ == "__main__":
    run(main)
