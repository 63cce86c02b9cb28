"""Fill-in latency beside reward: MAC, compiled and in ONNX, IBC, diffusion inpainting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.latency import measure
from benchmarks.page import Table
from mac_control.checkpoint import load_policy
from mac_control.demonstrations import load_demonstrations
from mac_control.export import Act, export_policy
from mac_control.loop import evaluate
from mac_control.parallel import one_thread
from mac_control.policies import LearnedPolicy, Policy
from mac_control.policies.onnx import TOLERANCE, difference
from mac_control.training import TrainConfig
from mac_control.training.many import Job, train_many

#: In the order of training: the longest first.
POLICIES = ("ibc", "mac", "diffusion", "bc")
BATCH = 128  # demonstration steps in a training batch


class Compiled(Policy):
    """The fill-in of a policy as one graph, compiled by torch."""

    def __init__(self, policy: LearnedPolicy) -> None:
        self.name = policy.name
        self.obs_dim, self.low, self.high = policy.obs_dim, policy.low, policy.high
        self._act = torch.compile(Act(policy), dynamic=False)

    @torch.inference_mode()
    def complete(self, obs: np.ndarray, values: np.ndarray, given: np.ndarray) -> np.ndarray:
        return self._act(*(torch.tensor(part) for part in (obs, values, given))).numpy()


def tables(work: Path, steps: int, episodes: int, repeats: int) -> list[Table]:
    """Train, export, take turns in filling in nine dimensions, roll out."""
    folders = trained(work, steps)
    file = export_policy(learned(folders["mac"]), work / "mac.onnx")
    sources = {
        "MAC": folders["mac"],
        "MAC in ONNX Runtime": file,
        "IBC": folders["ibc"],
        "diffusion, inpainting": folders["diffusion"],
        "BC, which overlays": folders["bc"],
    }
    with one_thread():
        policies: dict[str, Policy] = {name: load_policy(path) for name, path in sources.items()}
        compiled, why_not = _compiled(learned(folders["mac"]))
        if compiled is not None:
            policies["MAC compiled by torch"] = compiled
        times = dict(zip(policies, measure(list(policies.values()), 0, repeats), strict=True))
        alone = {name: measure([policy], 0, repeats)[0] for name, policy in policies.items()}
    rewards = _rewards(sources, episodes)
    reference = np.median(times["MAC"])
    rows: list[dict[str, Any]] = []
    for name, row in times.items():
        autonomous, shared = rewards.get(name, (None, None))
        rows.append(
            {
                "policy": name,
                "median [ms]": float(np.median(row)),
                "p99 [ms]": float(np.percentile(row, 99)),
                "ratio": float(np.median(row) / reference),
                "warm: median [ms]": float(np.median(alone[name])),
                "warm: p99 [ms]": float(np.percentile(alone[name], 99)),
                "reward, none given": autonomous,
                "reward, 3 given": shared,
            }
        )
    about = (
        f"Nine dimensions, none given, one observation, one core, {repeats} times. The policies"
        " take turns, so each finds its weights gone from the cache; warm: each by itself, again"
        " and again. The ratio is to MAC, in turns. Reward out of 4, with nothing given"
        f" and with 3 dimensions given by a tracker of a demonstration: {episodes} episodes each,"
        f" 95 % interval by bootstrap, after {steps} training steps of {BATCH} on the built-in"
        " demonstrations, for each policy alike. MAC answers the same by itself and in ONNX Runtime"
        " but for rounding, which rollouts magnify: what they differ by is chance."
        f" Compiled, it is not rolled out again.{why_not}"
    )
    return [Table("Filling in: speed, and reward beside it", about, rows)]


def trained(work: Path, steps: int) -> dict[str, Path]:
    """Checkpoints of the policies after the same number of steps; resumes an interrupted run."""
    demonstrations = load_demonstrations("builtin")
    config = TrainConfig(steps=steps, batch_size=BATCH, warmup=min(200, steps // 10))
    folders = {name: work / f"{name}-{steps}" for name in POLICIES}
    train_many([Job(name, demonstrations, folder, 0, config) for name, folder in folders.items()])
    return folders


def _compiled(policy: LearnedPolicy) -> tuple[Policy | None, str]:
    """The compiled policy, checked to act as the original; or None, and a sentence why not."""
    compiled = Compiled(policy)
    obs = policy.obs_mean.numpy()
    try:
        found = compiled.act(obs)
    except Exception as error:  # no compiler, or one that torch cannot use: many classes
        return None, f" torch.compile did not work here: {str(error).splitlines()[0]}."
    error = difference(found, policy.act(obs), policy.low, policy.high).max()
    assert error <= TOLERANCE, f"compiled, the policy answers otherwise by {error}"
    return compiled, ""


def _rewards(sources: dict[str, Path], episodes: int) -> dict[str, tuple[list[float], ...]]:
    """Mean and interval of each policy alone, and with three dimensions given."""
    found: dict[str, list[list[float]]] = {name: [] for name in sources}
    for operator, given in (("nobody", 0), ("tracker", 3)):
        rows = evaluate(
            [f"{name}={path}" for name, path in sources.items()],
            [operator],
            [given],
            episodes=episodes,
            demonstrations="builtin",
            progress=True,
        )
        for row in rows:
            found[row["policy"]].append([row["reward_mean"], *row["reward_ci95"]])
    return {name: tuple(pair) for name, pair in found.items()}


def learned(folder: Path) -> LearnedPolicy:
    """The policy of a checkpoint."""
    policy = load_policy(folder)
    assert isinstance(policy, LearnedPolicy)
    return policy
