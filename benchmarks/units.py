"""Policies on the same demonstrations in other units and action boxes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.checkpoint import load_policy
from mac_control.cli import run
from mac_control.demonstrations import Demonstrations, load_demonstrations
from mac_control.envs.kitchen.robot import ROBOT_JOINTS
from mac_control.files import write_json, write_text
from mac_control.loop.report import versions
from mac_control.training import TrainConfig, train

#: Policy -> gradient steps of a short training.
STEPS = {"bc": 400, "mixture_bc": 400, "diffusion": 800, "ibc": 60, "mac": 150}
#: Joint angles among the observed positions [rad]; the others are lengths and object positions.
ANGLES = slice(0, ROBOT_JOINTS - 2)


@dataclass
class Args:
    """Explained variance of held-out actions, for each form of the same demonstrations."""

    data: str = "builtin"
    """Demonstrations of the kitchen."""
    policies: tuple[str, ...] = tuple(STEPS)
    """Policies to train."""
    seeds: int = 3
    """Training seeds."""
    episodes: int = 40
    """Demonstrations to train on; a quarter as many are held out."""
    every: int = 10
    """Distance between rated held-out steps."""
    steps: float = 1.0
    """Multiplies the gradient steps."""
    out: Path | None = None
    """Folder for README.md and results.json."""


def main(args: Args) -> int | None:
    data = load_demonstrations(args.data)
    held_out = max(1, args.episodes // 4)
    train_on = data.select(range(args.episodes))
    ask = data.select(range(args.episodes, args.episodes + held_out))
    rows = _earlier(args)
    made = {(row["policy"], row["expression"]) for row in rows}
    for policy in args.policies:
        for name, express in EXPRESSIONS.items():
            if (policy, name) in made:
                continue
            found = _explained(policy, express(train_on), express(ask), args)
            rows.append(
                {
                    "policy": policy,
                    "expression": name,
                    "explained": [round(value, 4) for value in found],
                    "mean": round(float(np.mean(found)), 4),
                }
            )
            print(rows[-1], flush=True)
            if args.out is not None:
                _write(args, rows)
    print(_table(rows))
    return None


def units(angles: float = 1.0, lengths: float = 1.0) -> Callable[[Demonstrations], Demonstrations]:
    """Observations in other units: multiplied by factors."""

    def express(data: Demonstrations) -> Demonstrations:
        factor = np.full(data.obs_dim, lengths)
        factor[ANGLES] = angles
        episodes = [replace(e, observations=e.observations * factor) for e in data]
        return replace(data, episodes=episodes)

    return express


def box(low: float, high: float) -> Callable[[Demonstrations], Demonstrations]:
    """Actions from [-1, 1] in another box."""

    def moved(actions: np.ndarray) -> np.ndarray:
        return (low + (actions.astype(np.float64) + 1) / 2 * (high - low)).astype(np.float32)

    def express(data: Demonstrations) -> Demonstrations:
        assert data.robot is not None
        dims = tuple(replace(action, low=low, high=high) for action in data.robot.actions)
        episodes = [
            replace(e, actions=moved(e.actions), executed=moved(e.executed))
            for e in data
            if e.executed is not None
        ]
        return replace(data, episodes=episodes, robot=replace(data.robot, actions=dims))

    return express


#: Name -> the same demonstrations in that form.
EXPRESSIONS: dict[str, Callable[[Demonstrations], Demonstrations]] = {
    "metres, radians, ±1": units(),
    "millimetres": units(lengths=1000.0),
    "degrees": units(angles=180 / np.pi),
    "kilometres": units(lengths=0.001),
    "box ±0.4": box(-0.4, 0.4),
    "box ±100": box(-100.0, 100.0),
    "box [0, 1]": box(0.0, 1.0),
}


def _explained(
    policy: str, train_on: Demonstrations, ask: Demonstrations, args: Args
) -> list[float]:
    """Explained variance of held-out actions of each seed: the mean over dimensions.

    1 - Σ(a - â)² / Σ(a - mean a)², which has no unit.
    """
    steps = max(1, round(STEPS[policy] * args.steps))
    config = TrainConfig(steps=steps, batch_size=128, warmup=20, ema=0.98)
    with tempfile.TemporaryDirectory() as folder:
        seeds = range(args.seeds)
        folders = train(policy, train_on, folder, seeds=seeds, config=config, progress=False)
        trained: list[Any] = [load_policy(path) for path in folders]
    obs, wanted = ask.observations[:: args.every], ask.actions[:: args.every].astype(np.float64)
    found = []
    for each in trained:
        each.reset(0)
        error = ((each.act(obs) - wanted) ** 2).sum(0)
        found.append(float((1 - error / ((wanted - wanted.mean(0)) ** 2).sum(0)).mean()))
    return found


def _table(rows: list[dict[str, Any]]) -> str:
    policies = list(dict.fromkeys(row["policy"] for row in rows))
    cells = {(row["expression"], row["policy"]): row["explained"] for row in rows}
    lines = [f"| expression | {' | '.join(policies)} |", "|---" * (len(policies) + 1) + "|"]
    for name in EXPRESSIONS:
        texts = []
        for policy in policies:
            values = cells.get((name, policy))
            spread = 0.0 if values is None or len(values) < 2 else float(np.std(values, ddof=1))
            texts.append("" if values is None else f"{np.mean(values):.3f} ± {spread:.3f}")
        lines.append(f"| {name} | {' | '.join(texts)} |")
    return "\n".join(lines)


def _earlier(args: Args) -> list[dict[str, Any]]:
    """Existing rows of a run with the same settings, which resumes after them."""
    path = None if args.out is None else args.out / "results.json"
    if path is None or not path.exists():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    return found["rows"] if all(found[k] == v for k, v in _settings(args).items()) else []


def _settings(args: Args) -> dict[str, Any]:
    names = ("data", "seeds", "episodes", "steps", "every")
    return {name: getattr(args, name) for name in names}


def _write(args: Args, rows: list[dict[str, Any]]) -> None:
    assert args.out is not None
    about = {**_settings(args), "versions": versions()}
    write_json(args.out / "results.json", {**about, "rows": rows})
    write_text(
        args.out / "README.md",
        "# Units and action boxes\n\n"
        f"The same {args.episodes} kitchen demonstrations ({args.data}), with observations in "
        "other units and actions in other boxes. Explained variance of held-out actions, averaged "
        f"over dimensions; mean ± standard deviation over {args.seeds} training seeds. Trainings "
        f"are short ({', '.join(f'{k} {round(v * args.steps)}' for k, v in STEPS.items())} "
        "gradient steps), so compare the rows, not the policies.\n\n"
        f"{_table(rows)}\n\n"
        f"    python -m benchmarks units --seeds {args.seeds} --episodes {args.episodes} "
        f"--steps {args.steps:g} --out results/units\n",
    )


if __name__ == "__main__":
    run(main)
