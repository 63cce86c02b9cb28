"""How much of the simulator's own speed is left when demonstrations are collected."""

from __future__ import annotations

import time
from dataclasses import dataclass

import mujoco
import numpy as np
from tqdm import tqdm

from mac_control.cli import run
from mac_control.envs.kitchen import KitchenEnv
from mac_control.envs.kitchen.collect import Collection, Wanted, _env, collect
from mac_control.parallel import cores, run_many

SUBSTEPS = 40  # simulator steps in a step of the environment


@dataclass
class Args:
    """Compare collecting, inverse kinematics included, with `mj_step` alone on the same states."""

    episodes: int = 16
    """episodes to collect"""
    workers: int | None = None
    """processes; every core by default"""
    seed: int = 0
    """seed of everything drawn at random"""


@dataclass(frozen=True)
class Times:
    """Environment steps, and their CPU seconds: collecting, simulating only."""

    steps: int
    collecting: float
    simulating: float


def measure(wanted: Wanted) -> Times:
    """Collect an episode, then simulate it again with the same commands and nothing else."""
    env = _env(wanted.collection.orders, wanted.collection.init_noise)
    collect(Wanted(wanted.collection, (0, 0)))  # so that everything is loaded
    recorded: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def step(action: np.ndarray) -> tuple:
        before = env.data.qpos.copy(), env.data.qvel.copy()
        result = KitchenEnv.step(env, action)
        recorded.append((*before, env.data.ctrl.copy()))
        return result

    env.step = step  # type: ignore[method-assign]
    start = time.process_time()
    collect(wanted)
    collecting = time.process_time() - start
    del env.step
    data = mujoco.MjData(env.model)
    simulating = 0.0
    for qpos, qvel, ctrl in recorded:
        data.qpos[:], data.qvel[:], data.ctrl[:] = qpos, qvel, ctrl
        start = time.process_time()
        mujoco.mj_step(env.model, data, SUBSTEPS)
        simulating += time.process_time() - start
    return Times(len(recorded), collecting, simulating)


def main(args: Args) -> None:
    workers = args.workers or cores()
    steps, collecting, simulating = compare(args, workers)
    print(
        f"{steps} steps on {workers} workers: {collecting:.2f} ms a step collecting, "
        f"{simulating:.2f} ms mj_step alone: {simulating / collecting:.2f} of its throughput"
    )


def compare(args: Args, workers: int) -> tuple[int, float, float]:
    """Steps, and CPU time of a step [ms]: collecting, and `mj_step` alone."""
    items = [Wanted(Collection(), (args.seed, i + 1)) for i in range(args.episodes)]
    found = [t for _, t in tqdm(run_many(measure, items, workers), total=len(items), leave=False)]
    steps = sum(t.steps for t in found)
    collecting = sum(t.collecting for t in found) / steps
    simulating = sum(t.simulating for t in found) / steps
    return steps, 1e3 * collecting, 1e3 * simulating


if __name__ == "__main__":
    run(main)
