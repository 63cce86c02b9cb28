"""Steps per second of practice, against rollouts of the same policy."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.hand import untrained
from mac_control.checkpoint import save_policy
from mac_control.envs import make_env, robot_of
from mac_control.envs.name import EnvName
from mac_control.files import write_json
from mac_control.loop.rollouts import rollout_group
from mac_control.operators import Nobody
from mac_control.parallel import cores, one_thread
from mac_control.practice.config import PracticeConfig
from mac_control.practice.run import Practice


@dataclass
class Args:
    """Steps per second of practice on one core and on all, and their ratio to rollouts on one.

    The policies are untrained and act alone, without an operator on either side.
    """

    envs: tuple[str, ...] = ("kitchen", "hand")
    policies: tuple[str, ...] = ("mac", "mixture_bc")
    side_by_side: int = 20
    """Parallel episodes, in practice and in rollouts."""
    rounds: int = 2
    """Number of measurements of each side, in turns."""
    out: Path | None = None
    """JSON file to write."""


def main(args: Args) -> int | None:
    rows = [
        measure(env, policy, args.side_by_side, args.rounds)
        for env in args.envs
        for policy in args.policies
    ]
    print("env  policy  rollouts/s  practice/s  ratio  threads: practice/s  ratio")
    for row in rows:
        print(
            f"{row['env']}  {row['policy']}  {row['rollouts']:.0f}  {row['practice']:.0f}  "
            f"{row['practice'] / row['rollouts']:.2f}  {row['threads']}: {row['threaded']:.0f}  "
            f"{row['threaded'] / row['rollouts']:.2f}"
        )
    if args.out:
        write_json(args.out, rows)
    return None


def measure(env: str, name: str, side_by_side: int, rounds: int) -> dict[str, Any]:
    """Medians over rounds of steps per second of the three."""
    with tempfile.TemporaryDirectory() as folder:
        described = make_env(env)
        size = described.observation_space.shape[0]
        policy = untrained(name, robot_of(described), size)
        described.close()
        began = save_policy(Path(folder) / "began", policy)
        made = []
        for threads in (1, cores()):
            config = PracticeConfig(envs=side_by_side, num_given=(0,), threads=threads)
            out = Path(folder) / str(threads)
            made.append(Practice(began, ["nobody"], None, EnvName.parse(env), out, config))
        rates: dict[str, list[float]] = {"rollouts": [], "practice": [], "threaded": []}
        for number in range(rounds + 1):
            start, seeds = time.perf_counter(), range(side_by_side)
            with one_thread():
                rolled = rollout_group(
                    made[0].envs,
                    policy,
                    [Nobody(policy.action_dim)] * side_by_side,
                    seeds=seeds,
                    log_prob=False,
                )
            steps = sum(len(each.rewards) for each in rolled)
            found = [steps / (time.perf_counter() - start)]
            for practice in made:
                before, start = practice.step, time.perf_counter()
                practice.config = replace(practice.config, steps=before + 1)
                practice.run()
                found.append((practice.step - before) / (time.perf_counter() - start))
            for side, rate in zip(rates, found, strict=True):
                if number:  # the first one warms up
                    rates[side].append(rate)
        for practice in made:
            practice.close()
    medians = {side: round(float(np.median(each)), 1) for side, each in rates.items()}
    return {"env": env, "policy": name, "threads": cores(), **medians}
