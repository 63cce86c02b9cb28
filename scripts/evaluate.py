"""Compare policies with operators: mean reward over many episodes, as a table and a plot."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mac_control.cli import run
from mac_control.errors import DataError
from mac_control.scripts.rollout import numbers


@dataclass
class Args:
    """Mean reward of every policy with every operator and number of given dimensions.

    Writes results.json, .csv, .md and .png, after every row; the same command goes on where it
    was interrupted. Rows in results.json of another configuration are replaced.
    """

    policies: list[str]
    """Checkpoints, NAME=CHECKPOINT to name one; a folder of seed-N is all of them."""
    out: Path
    """Folder for the results."""
    operators: tuple[str, ...] = ("nobody",)
    """nobody, everything, proxy, tracker, one that a package adds, or module:Class."""
    given: str = "0,1,3,5"
    """How many dimensions an operator drives, drawn per episode; 0 is nobody, for all of them."""
    episodes: int = 20
    """Episodes per row."""
    seed: int = 0
    """Of the first episode; every row has the same ones."""
    workers: int | None = None
    """Processes; None: every core. The results are the same."""
    proxy: list[str] | None = None
    """Checkpoints in the seat of the operator proxy: the one of the same training seed as the
    policy, or the only one. None: those among the policies that are called bc."""
    data: str | None = None
    """Demonstrations for the tracker: as in train; None: searched."""
    tasks: str | None = None
    """complete, partial or mixed; None: as the policy was trained."""
    noise: float = 0.1
    """Noise on observed robot joints, as in D4RL."""
    init_noise: float = 0.0
    """Arm joints start within this of the usual pose [rad]."""
    steps: int = 280
    """Longest episode, in steps of 0.08 s."""


def main(args: Args) -> int | None:
    from mac_control.demonstrations.load import find_source, load_demonstrations
    from mac_control.loop import evaluate
    from mac_control.loop.plan import source_of
    from mac_control.loop.report import write_report

    source = args.data
    if source is None and {"tracker", "everything"} & set(map(source_of, args.operators)):
        source = str(find_source())
    options = sys.argv[2:] if sys.argv[1:2] == ["evaluate"] else sys.argv[1:]
    about: dict[str, Any] = {
        "command": shlex.join(["mac-control", "evaluate", *options]),
        "config": json.loads(json.dumps(dataclasses.asdict(args), default=str)),
        "data": load_demonstrations(source).provenance if source is not None else None,
    }
    env = {
        "robot_noise_ratio": args.noise,
        "init_noise": args.init_noise,
        "max_episode_steps": args.steps,
    }
    if args.tasks is not None:
        env["tasks"] = args.tasks
    rows = evaluate(
        args.policies,
        args.operators,
        numbers("given", args.given),
        episodes=args.episodes,
        seed=args.seed,
        workers=args.workers,
        proxies=args.proxy,
        demonstrations=source,
        env=env,
        done=earlier_rows(args.out / "results.json"),
        on_row=lambda rows: write_report(args.out, rows, about),
        progress=True,
    )
    print(write_report(args.out, rows, about))
    print(args.out / "results.json")


def earlier_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of an earlier run, if there was one.

    Raises:
        DataError: the file is something else.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        if not all(isinstance(row, dict) for row in rows):
            raise TypeError("rows that are not objects")
        return rows
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: expected results of evaluate, got something else") from error


if __name__ == "__main__":
    run(main)
