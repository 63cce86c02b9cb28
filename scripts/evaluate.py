"""Compare policies with operators: mean reward over many episodes, as a table and a plot."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mac_control.cli import run
from mac_control.errors import InputError
from mac_control.parallel import FanOut
from mac_control.scripts.rollout import numbers


@dataclass
class SizeChanges:
    """What of a suite's size is changed; None: as the suite says."""

    seeds: int | None = None
    """Training seeds."""
    episodes: int | None = None
    """Episodes per row, over all folds together."""
    folds: int | None = None
    """Parts of the demonstrations, each held out once; 1: none."""
    run_folds: int | None = None
    """How many folds are run."""
    made: int | None = None
    """Simulated episodes to train on."""
    scale: Literal["demo", "full"] | None = None
    """Of training."""
    steps: int | None = None
    """Gradient steps."""
    bf16: bool | None = None
    """Train in bfloat16 where that is safe: faster on some processors."""
    device: str | None = None
    """Train on it: cuda, say; rollouts are on the processor in any case."""
    given: int | None = None
    """Only the first so many numbers of given dimensions in each block."""


@dataclass
class Args(FanOut):
    """Mean reward of every policy with every operator and number of given dimensions.

    Writes results.json, .csv, .md and .png, after every row; the same command goes on where it
    was interrupted. Rows in results.json of another configuration are replaced.
    """

    out: Path
    """Folder for the results."""
    policies: tuple[str, ...] = ()
    """Checkpoints, NAME=CHECKPOINT to name one; a folder of seed-N is all of them."""
    suite: str | None = None
    """Run a benchmark suite instead: published, published-corrected, partial, private-goal,
    degraded or ablation. It trains its own policies and takes hours; of the other options only
    --data, --entrants, --blocks, --quick, --size, --videos and those of the workers apply."""
    entrants: str | None = None
    """Only these policies of the suite, such as bc,mac; None: all."""
    blocks: str | None = None
    """Only the blocks of the suite with these titles, separated by commas; main: those that are
    rated on all episodes; side: the others; None: all."""
    quick: bool = False
    """A suite so small that it only shows that everything works."""
    size: SizeChanges = field(default_factory=SizeChanges)
    operators: tuple[str, ...] = ("nobody",)
    """nobody, everything, proxy, tracker, one that a package adds, or module:Class."""
    given: str = "0,1,3,5"
    """How many dimensions an operator drives, drawn per episode; 0 is nobody, for all of them."""
    episodes: int = 20
    """Episodes per row."""
    seed: int = 0
    """Of the first episode; every row has the same ones."""
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
    arbitrate: float | None = None
    """Overrule an operator while its commands lie this many standard deviations off what the
    policy expects, 2 say; only for policies with a density. None: never."""
    steps: int = 280
    """Longest episode, in steps of 0.08 s."""
    videos: bool = False
    """Film the first episode of each row (half a minute each), of the first training seed and fold,
    into videos/; they are on the page of a suite, or of the verb report."""


def main(args: Args) -> int | None:
    if args.suite is not None:
        return _suite(args)
    from mac_control.demonstrations.load import find_source, load_demonstrations
    from mac_control.loop import evaluate
    from mac_control.loop.plan import source_of
    from mac_control.loop.report import earlier_rows, write_report
    from mac_control.suites.html import VIDEOS

    source = args.data
    if source is None and {"tracker", "everything"} & set(map(source_of, args.operators)):
        source = str(find_source())
    about: dict[str, Any] = {
        "command": _command(),
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
        workers=args.chosen(),
        proxies=args.proxy,
        demonstrations=source,
        env=env,
        arbitrate=args.arbitrate,
        done=earlier_rows(args.out / "results.json"),
        on_row=lambda rows: write_report(args.out, rows, about),
        videos=args.out / VIDEOS if args.videos else None,
        progress=True,
    )
    print(write_report(args.out, rows, about))
    print(args.out / "results.json")


def _suite(args: Args) -> None:
    from mac_control.suites import SUITES
    from mac_control.suites.run import run_suite

    if args.suite not in SUITES:
        raise InputError(f"suite: expected one of {', '.join(SUITES)}, got {args.suite!r}")
    if args.policies:
        raise InputError("policies: expected none with a suite, which trains its own")
    suite = SUITES[args.suite]
    suite = suite.quick() if args.quick else suite
    if args.entrants is not None:
        suite = suite.only(args.entrants.split(","))
    if args.blocks is not None:
        suite = suite.only_blocks(args.blocks.split(","))
    suite = dataclasses.replace(suite, size=suite.size.changed(**dataclasses.asdict(args.size)))
    about = {"command": _command()}
    run_suite(suite, args.out, args.data, workers=args.chosen(), about=about, videos=args.videos)
    print((args.out / "results.md").read_text(encoding="utf-8"))
    print(args.out / "report.html")


def _command() -> str:
    options = sys.argv[2:] if sys.argv[1:2] == ["evaluate"] else sys.argv[1:]
    return shlex.join(["mac-control", "evaluate", *options])


if __name__ == "__main__":
    run(main)
