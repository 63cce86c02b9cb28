"""Helpers without a network: what partial control needs beyond a good fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.tracking import FollowOne, FollowStored
from mac_control.cli import run
from mac_control.demonstrations import Demonstrations, load_demonstrations
from mac_control.envs import KitchenEnv, make_kitchen
from mac_control.files import write_json, write_text
from mac_control.loop import rollout
from mac_control.loop.report import versions
from mac_control.loop.statistics import mean_and_interval
from mac_control.operators import make_operator
from mac_control.parallel import run_many
from mac_control.policies import Policy

#: Name -> what the helper is, from all demonstrations, those it knows, and the operator's own.
HELPERS: dict[str, tuple[Callable[[Demonstrations, tuple[int, ...], int], Policy], str]] = {
    "one": (
        lambda data, known, own: FollowOne(data.select([_some(known, own)])),
        "tracks one other demonstration",
    ),
    "stored": (
        lambda data, known, own: FollowStored.of(data.select(known)),
        "retrieval alone: free dimensions vary with given ones as between stored demonstrations",
    ),
    "knows": (
        lambda data, known, own: FollowOne(data.select([own])),
        "tracks the operator's own demonstration",
    ),
}


@dataclass
class Args:
    """Reward with helpers that know demonstrations but have no network."""

    data: str | None = None
    """Demonstrations; None: the default source."""
    given: tuple[int, ...] = (1, 2, 3, 5, 7)
    """Numbers of dimensions that the operator gives, drawn per episode."""
    std: float = 0.05
    """Noise on the operator's commands, in action units."""
    episodes: int = 1
    """Episodes per demonstration that an operator follows."""
    folds: int = 0
    """Helpers know the demonstrations of the other folds, as policies of suites; 0: all others."""
    workers: int | None = None
    """Processes; every core by default."""
    out: Path | None = None
    """Folder for README.md and results.json."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One episode: the operator follows demonstration `index`, the helper knows `known`."""

    data: Demonstrations
    helper: str
    operator: str
    given: int
    index: int
    known: tuple[int, ...]
    seed: int


def attempt(trial: Trial) -> float:
    """The reward of the episode."""
    own = trial.data.select([trial.index])
    operator = make_operator(trial.operator, action_dim=9, given=trial.given, demonstrations=own)
    helper = HELPERS[trial.helper][0](trial.data, trial.known, trial.index)
    return float(rollout(_env(trial.data.tasks), helper, operator, seed=trial.seed).reward)


@cache
def _env(tasks: tuple[str, ...]) -> KitchenEnv:
    """One simulator per process: loading the kitchen takes as long as an episode."""
    return make_kitchen(tasks)


def main(args: Args) -> None:
    data = load_demonstrations(args.data)
    operators = [f"tracker{kind}+noisy:std={args.std}" for kind in ("", ":resync=true")]

    def known(own: int) -> tuple[int, ...]:
        if args.folds:
            return tuple(i for i in range(len(data)) if i % args.folds != own % args.folds)
        return tuple(i for i in range(len(data)) if i != own)

    trials = [
        Trial(data, helper, operator, given, index, known(index), 1000 * episode + index)
        for helper in HELPERS
        for operator in operators
        for given in args.given
        for index in range(len(data))
        for episode in range(args.episodes)
    ]
    alone = [Trial(data, "one", o, 9, i, known(i), i) for o in operators for i in range(len(data))]
    done = dict(tqdm(run_many(attempt, [*trials, *alone], args.workers), total=len(trials + alone)))
    rows: dict[tuple[str, str, int], list[float]] = {}
    for number, trial in enumerate([*trials, *alone]):
        name = "" if trial.given == 9 else trial.helper
        rows.setdefault((name, trial.operator, trial.given), []).append(done[number])
    text = report(args, rows)
    print(text)
    if args.out:
        record = [
            {"helper": h, "operator": o, "given": k, "rewards": rewards}
            for (h, o, k), rewards in rows.items()
        ]
        about: dict[str, Any] = {"versions": versions(), "data": data.provenance}
        write_json(args.out / "results.json", {**about, "rows": record})
        write_text(args.out / "README.md", text)


def report(args: Args, rows: dict[tuple[str, str, int], list[float]]) -> str:
    """The table, in Markdown."""
    folds = f" --folds {args.folds}" if args.folds else ""
    known = f"those of the other {args.folds - 1} folds of {args.folds}" if folds else "all others"
    many = {"episodes": args.episodes} if args.episodes > 1 else {}
    folds += "".join(f" --{name} {value}" for name, value in many.items())
    given = " ".join(map(str, args.given))
    lines = [HEAD.format(std=args.std, given=given, folds=folds, known=known, out=args.out)]
    lines += [f"- `{name}`: {text}." for name, (_, text) in HELPERS.items()]
    operators = list(dict.fromkeys(operator for _, operator, _ in rows))
    for operator in operators:
        whole = np.mean(rows["", operator, 9])
        lines += ["", f"`{operator}`, alone with all nine dimensions: {whole:.2f}", ""]
        lines.append("| helper | " + " | ".join(f"{k} given" for k in args.given) + " |")
        lines.append("|---" * (1 + len(args.given)) + "|")
        for name in HELPERS:
            cells = [rows[name, operator, k] for k in args.given]
            texts = [mean_and_interval([cell]) for cell in cells]
            lines.append(f"| {name} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"


def _some(known: tuple[int, ...], own: int) -> int:
    """One of the known demonstrations, the same one each time."""
    return known[int(np.random.default_rng(own).integers(len(known)))]


HEAD = """# Helpers without a network

    python -m benchmarks helpers --data kitchen-complete-v0 --given {given}{folds} --out {out}

The operator tracks a human demonstration, with noise of {std} on its commands, and gives some
dimensions, drawn per episode. Helpers know other demonstrations ({known}), `knows` this one.
Mean reward of 4 and its 95 % interval over episodes.
"""

if __name__ == "__main__":
    run(main)
