"""Steps per second of rollouts, against the bare simulator on the same motions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import gymnasium
import mujoco
import numpy as np

from benchmarks.fresh import policy_of
from mac_control.envs import make_kitchen
from mac_control.loop.groups import GROUP_SIZE
from mac_control.loop.rollouts import rollout_group
from mac_control.operators import Nobody
from mac_control.parallel import cores, one_thread, run_many
from mac_control.policies import Policy

#: Simulator steps in one step of the kitchen.
SUBSTEPS = 40


@dataclass
class Args:
    """Steps per second of rollouts on all cores, and their ratio to the bare simulator.

    Every core runs a group of episodes in lockstep, then replays the same motor commands with
    `mj_step` alone, in repeated turns: both sides do the same physics under the same load.
    """

    policies: tuple[str, ...] = ("bc", "mac")
    """Checkpoints, or bc, ibc, mac: untrained, of default size."""
    rounds: int = 3
    """Number of measurements of both sides."""
    steps: int = 280
    """Steps of an episode."""
    workers: int | None = None
    """Number of processes; None: one per core."""


@dataclass(frozen=True)
class Job:
    """The work of one worker."""

    policies: tuple[str, ...]
    rounds: int
    steps: int
    seed: int


class Recorder(gymnasium.Wrapper):
    """Records the motor commands sent to the simulator."""

    def reset(self, **options):
        self.commands: list[np.ndarray] = []
        return self.env.reset(**options)

    def step(self, action):
        result = self.env.step(action)
        self.commands.append(self.env.data.ctrl.copy())
        return result


def main(args: Args) -> int | None:
    workers = args.workers or cores()
    print(f"{workers} processes, {GROUP_SIZE} episodes each in lockstep, {args.rounds} rounds")
    print("policy  steps/s  mj_step x 40 /s  ratio  (lowest and highest of the rounds)")
    for row in ratios(args, workers):
        low, high = row["range"]
        print(
            f"{row['policy']}  {row['rollouts']:.0f}  {row['mj_step']:.0f}  {row['ratio']:.3f}  "
            f"({low:.3f} to {high:.3f})"
        )


def ratios(args: Args, workers: int) -> list[dict[str, Any]]:
    """For each policy: steps per second of both sides, medians over rounds, and their ratio."""
    jobs = [Job(args.policies, args.rounds, args.steps, GROUP_SIZE * i) for i in range(workers)]
    seconds = np.array([found for _, found in run_many(measure, jobs, workers)])  # (W, P, R, 3)
    rows = []
    for index, name in enumerate(args.policies):
        steps, rolled, bare = np.moveaxis(seconds[:, index], -1, 0)  # each (W, R)
        rate, raw = (steps / rolled).sum(0), (steps / bare).sum(0)
        rows.append(
            {
                "policy": name,
                "rollouts": float(np.median(rate)),
                "mj_step": float(np.median(raw)),
                "ratio": float(np.median(rate / raw)),
                "range": (float((rate / raw).min()), float((rate / raw).max())),
            }
        )
    return rows


def measure(job: Job) -> list[list[tuple[float, float, float]]]:
    """For each policy and round: steps, seconds of rollouts, seconds of the bare simulator."""
    env = make_kitchen(max_episode_steps=job.steps)
    envs = [Recorder(env), *(Recorder(env.twin()) for _ in range(GROUP_SIZE - 1))]
    seeds = range(job.seed, job.seed + GROUP_SIZE)
    found: list[list[tuple[float, float, float]]] = []
    with one_thread():
        for name in job.policies:
            policy = policy_of(name)
            roll(envs[:1], policy, seeds[:1])  # warm up
            found.append([])
            for _ in range(job.rounds):
                rolled = roll(envs, policy, seeds)
                steps = sum(len(env.commands) for env in envs)
                found[-1].append((steps, rolled, sum(map(replay, envs, seeds))))
    return found


def roll(envs: list[Recorder], policy: Policy, seeds: range) -> float:
    """Seconds of a group of rollouts."""
    nobody = [Nobody(policy.action_dim)] * len(envs)
    start = time.perf_counter()
    rollout_group(envs, policy, nobody, seeds=seeds, log_prob=False)
    return time.perf_counter() - start


def replay(env: Recorder, seed: int) -> float:
    """Seconds that the simulator alone takes for the motion just recorded."""
    commands = env.commands
    env.reset(seed=seed)
    model, data = env.env.model, env.env.data
    start = time.perf_counter()
    for command in commands:
        data.ctrl[:] = command
        mujoco.mj_step(model, data, SUBSTEPS)
    seconds = time.perf_counter() - start
    env.commands = commands
    return seconds
