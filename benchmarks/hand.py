"""A hand's 28 dimensions against an arm's nine: time of a fill-in, the simulator's share."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from mac_control.envs import make_env, robot_of
from mac_control.loop.rollouts import rollout_group
from mac_control.operators import make_operator
from mac_control.parallel import one_thread
from mac_control.partial import PartialAction
from mac_control.policies import Policy, policy_class
from mac_control.robot import Robot


@dataclass
class Args:
    """Time of one fill-in on one core, of the kitchen's nine dimensions and of a hand's 28 in
    turns, and the simulator's share of rollouts of both.

    The policies are untrained and of default size: their actions do not matter here.
    """

    policies: tuple[str, ...] = ("bc", "diffusion", "mac")
    repeats: int = 200
    """Measured calls of each case."""
    steps: int = 60
    """Steps of an episode."""
    out: Path | None = None
    """JSON file to write."""


class Timed(gymnasium.Wrapper):
    """Counts the time within `step` [s]."""

    seconds = 0.0

    def step(self, action):
        start = time.perf_counter()
        result = self.env.step(action)
        self.seconds += time.perf_counter() - start
        return result


def main(args: Args) -> int | None:
    with one_thread():
        rows = fill_ins(args.policies, args.repeats)
        shares = [
            share(name, env, group, args.steps)
            for env in ("kitchen", "hand")
            for name in args.policies
            for group in (1, 20)
        ]
    print("policy  dimensions  filled in  median [ms]  p99 [ms]")
    for row in rows:
        print("  ".join(str(row[key]) for key in ("policy", "of", "filled", "median", "p99")))
    print("policy  environment  episodes in lockstep  share of the simulator")
    for row in shares:
        print("  ".join(str(row[key]) for key in ("policy", "env", "episodes", "share")))
    if args.out is not None:
        lines = ",\n".join(json.dumps(row) for row in [*rows, *shares])
        args.out.write_text(f"[\n{lines}\n]\n")


def untrained(name: str, robot: Robot, obs_dim: int) -> Policy:
    """A policy of default size for a robot."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        cls = policy_class(name)
        box = np.zeros(obs_dim), np.ones(obs_dim), robot.low, robot.high
        return cls(cls.Config(), *box, robot).eval()


def fill_ins(names: tuple[str, ...], repeats: int) -> list[dict[str, Any]]:
    """Rows of the time of a fill-in; the cases take turns."""
    cases = []
    for env_name, given in (("kitchen", 0), ("hand", 0), ("hand", 6)):
        env = make_env(env_name)
        robot, size = robot_of(env), env.observation_space.shape[0]
        env.close()
        cases += [(name, untrained(name, robot, size), robot, given) for name in names]
    rng, times = np.random.default_rng(0), np.zeros((len(cases), repeats))
    for call in range(-10, repeats):
        for index, (_, policy, robot, given) in enumerate(cases):
            mask = np.arange(robot.action_dim) < given  # for a hand: arm and wrist
            partial = PartialAction(rng.uniform(robot.low, robot.high), mask)
            obs = rng.standard_normal(policy.obs_dim).astype(np.float32)
            start = time.perf_counter()
            policy.act(obs, partial)
            if call >= 0:
                times[index, call] = 1e3 * (time.perf_counter() - start)
    return [
        {
            "policy": name,
            "of": robot.action_dim,
            "filled": robot.action_dim - given,
            "median": round(float(np.median(row)), 2),
            "p99": round(float(np.percentile(row, 99)), 2),
        }
        for (name, _, robot, given), row in zip(cases, times, strict=True)
    ]


def share(name: str, env_name: str, group: int, steps: int) -> dict[str, Any]:
    """The simulator's share of a group of rollouts, with arm and wrist driven at random."""
    envs = [Timed(make_env(env_name, max_episode_steps=steps)) for _ in range(group)]
    robot, size = robot_of(envs[0]), envs[0].observation_space.shape[0]
    spec = "random+group:arm:wrist" if "arm" in robot.groups else "random+k:3"
    operators = [make_operator(spec, action_dim=robot.action_dim, robot=robot) for _ in envs]
    start = time.perf_counter()
    rollout_group(envs, untrained(name, robot, size), operators, seeds=range(group))
    whole = time.perf_counter() - start
    for env in envs:
        env.close()
    part = sum(env.seconds for env in envs) / whole
    return {"policy": name, "env": env_name, "episodes": group, "share": round(part, 2)}
