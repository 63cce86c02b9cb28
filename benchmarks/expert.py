"""How often the scripted expert does each subtask, and sequences of four."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mac_control.cli import run
from mac_control.envs import SUBTASKS, make_kitchen
from mac_control.envs.kitchen.expert import ScriptedExpert
from mac_control.files import write_text
from mac_control.parallel import run_many

STEPS = 280  # in a sequence of four
FIRST = 100  # most steps for the subtask before the tried one
STEPS_EACH = 100  # most steps for the tried one


@dataclass
class Args:
    """Measure the scripted expert's success."""

    trials: int = 50
    """trials of each subtask, and of sequences of four"""
    init_noise: float = 0.05
    """the arm's joints start within this of the usual pose [rad]"""
    seed: int = 0
    """seed of everything drawn at random"""
    workers: int | None = None
    """processes; every core by default"""
    out: Path | None = None
    """file for the table, in Markdown"""


@dataclass(frozen=True)
class Trial:
    """Subtasks to do in order; only the last counts, or all of them."""

    order: tuple[str, ...]
    single: bool
    init_noise: float
    seed: int


def attempt(trial: Trial) -> tuple[float, int]:
    """Share of the counted subtasks that was done, and the steps it took."""
    env = make_kitchen(SUBTASKS, init_noise=trial.init_noise, max_episode_steps=10**6)
    _, info = env.reset(seed=trial.seed)
    expert = ScriptedExpert(env, trial.order)
    expert.reset(trial.seed)
    began = 0
    for step in range(FIRST + STEPS_EACH if trial.single else STEPS):
        action = expert.act()
        if trial.single and expert.subtask == trial.order[0]:
            began = step + 1
        if expert.subtask is None or (trial.single and step - began >= STEPS_EACH):
            break
        _, _, _, _, info = env.step(action)
        if set(trial.order) <= set(info["tasks_done"]):
            step += 1
            break
    env.close()
    counted = trial.order[-1:] if trial.single else trial.order
    return float(np.mean([task in info["tasks_done"] for task in counted])), step - began


def main(args: Args) -> None:
    rng = np.random.default_rng(args.seed)
    trials = []
    for i in range(args.trials):
        for task in SUBTASKS:
            before = [other for other in SUBTASKS if other != task]
            order = (before[rng.integers(len(before))], task)
            trials.append(Trial(order, True, args.init_noise, args.seed + i))
        four = tuple(str(task) for task in rng.permutation(SUBTASKS)[:4])
        trials.append(Trial(four, False, args.init_noise, args.seed + i))
    results = dict(
        tqdm(run_many(attempt, trials, args.workers), total=len(trials), leave=False, mininterval=5)
    )
    rows = ["| subtask | success | steps |", "|---|---|---|"]
    for name in (*SUBTASKS, "any four in sequence"):
        mine = [
            results[i]
            for i, trial in enumerate(trials)
            if (trial.order[-1] if trial.single else "any four in sequence") == name
        ]
        full = [steps for share, steps in mine if share == 1]
        failed = len(mine) - len(full)
        rows.append(
            f"| {name} | {len(full)} of {len(mine)} ({1 - failed / len(mine):.0%}) "
            f"| {np.mean(full) if full else float('nan'):.0f} "
            f"({min(full, default=0)} to {max(full, default=0)}) |"
        )
    for i, trial in enumerate(trials):
        if results[i][0] < 1:
            print("failed:", " -> ".join(trial.order), "seed", trial.seed, f"{results[i][0]:.2f}")
    table = "\n".join(rows)
    print(table)
    if args.out:
        write_text(args.out, HEAD.format(**vars(args)) + table + "\n")


HEAD = """# The scripted expert

`python -m benchmarks expert --trials {trials} --init-noise {init_noise} --seed {seed}`:
each subtask after another one drawn at random, arm joints starting within {init_noise} rad of
the usual pose; success within 100 steps of taking it up. The last line: four subtasks drawn at
random, all done within 280 steps. Steps are those of the successes: mean (least to most).

"""

if __name__ == "__main__":
    run(main)
