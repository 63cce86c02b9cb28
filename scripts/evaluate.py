"""Compare policies with operators: mean reward over many episodes, as a table and a plot."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from mac_control.cli import run
from mac_control.errors import InputError
from mac_control.offline.config import OfflineConfig
from mac_control.options import (
    EnvOptions,
    changed,
    changes,
    only_with,
    only_without,
    options_of,
)
from mac_control.parallel import FanOut
from mac_control.suites.suite import Size

SizeChanges = options_of(Size, optional=True, name="SizeChanges")
HeldOut = options_of(OfflineConfig, name="HeldOut")

#: Options of one mode of evaluation each, and of all modes.
_SUITE, _OFFLINE = {"suite", "only", "blocks", "quick", "size"}, {"offline", "held_out"}
_ALWAYS = {"out", *(each.name for each in dataclasses.fields(FanOut))}


@dataclass(kw_only=True)
class Args(FanOut, EnvOptions):
    """Mean reward of every policy with every operator and number of given dimensions.

    Writes results.json, .csv, .md and .png after every row; the same command resumes where it
    was interrupted. Rows of other policies in results.json stay; those of the same policies with
    another configuration are replaced. With --offline no environment is needed, only recorded
    episodes; it writes results.json, .md, .png and report.html.
    """

    out: Path
    """Folder for the results."""
    policies: tuple[str, ...] = ()
    """Checkpoints, NAME=CHECKPOINT to name one; a folder of seed-N stands for all of them."""
    suite: str | None = None
    """Run a benchmark suite instead: published, published-corrected, partial, replan, private-goal,
    degraded, dial, ablation, hand, hand-tuned, hand-robust or hand-relocate. It trains its own
    policies and takes hours; of the other options only --data, --only, --blocks, --quick, --size,
    --videos and those of the workers apply."""
    only: str | None = None
    """Only these policies of the suite, such as bc,mac; None: all."""
    blocks: str | None = None
    """Only the blocks of the suite with these titles, separated by commas; main: those that are
    rated on all episodes; side: the others; None: all."""
    quick: bool = False
    """Run the suite at a tiny size, only to check that everything works."""
    size: SizeChanges = field(default_factory=SizeChanges)  # type: ignore[valid-type]
    """With --suite: changes to the suite's own size."""
    operators: tuple[str, ...] = ("nobody",)
    """nobody, everything, proxy, tracker, one that a package adds, or module:Class."""
    num_given: Annotated[str | None, tyro.conf.arg(aliases=["--given"])] = None
    """Numbers of dimensions that an operator drives, such as 0,1,3; which ones is drawn per
    episode; 0 is the policy alone. None: those of 0,1,3,5 that the robot has."""
    episodes: int = 20
    """Episodes per row."""
    seed: int = 0
    """Seed of the first episode; every row has the same episodes."""
    proxy: list[str] | None = None
    """Checkpoints for the operator proxy: the one with the policy's training seed is used, or
    the only one. None: the policies that are called bc."""
    data: str | None = None
    """Demonstrations for the tracker: as in train; None: searched."""
    trust: str | None = None
    """How a policy with a density weighs commands: by a standard deviation in action
    units such as 0.1; adaptive: estimated while driving, adaptive=2: twice that;
    adaptive:z=3: commands within 3 standard deviations of what the policy expects are executed
    exactly; z=2: the operator is overridden while commands are more than 2 off. Published methods,
    to compare with: blend=0.5, agree=0.5, and noise=0.4 of a diffusion policy. None: commands are
    executed bit for bit."""
    episode_steps: Annotated[int | None, tyro.conf.arg(aliases=["--steps"])] = None
    """Longest episode, in control steps; None: as the environment says."""
    videos: bool = False
    """Record videos of the first episode of each row (half a minute each), of the first training
    seed and fold, in videos/; they are on the page of a suite, or of the verb report."""
    offline: bool = False
    """Rate on recorded episodes alone, without an environment: filled-in values against the actions
    in --data. --policies are then names such as mac or LABEL=bc:width=512:lr=0.003, trained
    on all folds of the episodes but the one they are rated on, or checkpoints that were trained on
    other episodes. Of the other options --data, --robot, those of the workers and those below
    apply."""
    held_out: tyro.conf.OmitArgPrefixes[HeldOut] = field(default_factory=HeldOut)
    """Options of --offline."""


def main(args: Args) -> int | None:
    _expect_used(args)
    if args.offline:
        return _offline(args)
    if args.suite is not None:
        return _suite(args)
    from mac_control.demonstrations.load import load_demonstrations
    from mac_control.loop import evaluate
    from mac_control.loop.cases import NUM_GIVEN, expect_used, given_numbers
    from mac_control.loop.policies import resolve_policies, tell_differences
    from mac_control.loop.report import add_report
    from mac_control.loop.results import rows_without_suite
    from mac_control.loop.video import VIDEOS
    from mac_control.operators.spec import tracked_source

    usual = (("num_given", (None, "0")), ("trust", (None,)))
    driving = [name for name, values in usual if getattr(args, name) not in values]
    expect_used(args.operators, "--operators", driving, args.proxy)
    source = tracked_source(args.operators, args.data)
    about: dict[str, Any] = {
        "command": _command(),
        "config": json.loads(json.dumps(dataclasses.asdict(args), default=str)),
        "data": load_demonstrations(source).provenance if source is not None else None,
    }
    resolved = resolve_policies(args.policies)
    names, fewest = {p.name for p in resolved}, min(p.action_dim for p in resolved)
    tell_differences(resolved, args.chosen_env(), args.env_options())
    rows = evaluate(
        resolved,
        args.operators,
        given_numbers(args.num_given, fewest, NUM_GIVEN),
        episodes=args.episodes,
        seed=args.seed,
        workers=args.chosen(),
        proxies=args.proxy,
        demonstrations=source,
        env=args.chosen_env(),
        env_options=args.env_options(),
        robot=args.chosen_robot(),
        trust=args.trust,
        done=rows_without_suite(args.out / "results.json"),
        on_row=lambda rows: add_report(args.out, rows, about, names),
        videos=args.out / VIDEOS if args.videos else None,
        progress=True,
    )
    print(add_report(args.out, rows, about, names))
    print(args.out / "results.json")


def _expect_used(args: Args) -> None:
    """Raise an InputError where an option was given that would have no effect."""
    every = {each.name for each in dataclasses.fields(args)}
    mode, used = "", every - _SUITE - _OFFLINE
    if args.offline:
        mode, used = "--offline", _ALWAYS | _OFFLINE | {"policies", "data", "robot"}
    elif args.suite is not None:
        mode, used = "--suite", _ALWAYS | _SUITE | {"data", "videos"}
    for name in changed(args):
        first, _, part = name.partition(".")
        if first in used:
            continue
        said = part if first == "held_out" else name
        if mode:
            raise only_without(said, mode)
        raise only_with(said, "--suite" if first in _SUITE else "--offline")


def _offline(args: Args) -> None:
    from mac_control.demonstrations import load_demonstrations
    from mac_control.demonstrations.box import in_box_of
    from mac_control.offline.entries import parse_entries
    from mac_control.offline.report import expect_own, write_report
    from mac_control.offline.run import evaluate_offline

    expect_own(args.out)
    demonstrations = load_demonstrations(args.data)
    if (robot := args.chosen_robot()) is not None:
        demonstrations = in_box_of(demonstrations, robot)
    about = {"command": _command(), "data": demonstrations.provenance}
    written = time.monotonic()

    def tell(rows: list[dict[str, Any]]) -> None:
        nonlocal written
        print(f"{rows[-1]['policy']}, fold {rows[-1]['fold']}, seed {rows[-1]['seed']}: rated")
        if time.monotonic() > written + 60:  # an interim report
            write_report(args.out, rows, about)
            written = time.monotonic()

    rows = evaluate_offline(
        parse_entries(args.policies),
        demonstrations,
        args.out,
        OfflineConfig(**dataclasses.asdict(args.held_out)),
        workers=args.chosen(),
        tell=tell,
    )
    print(write_report(args.out, rows, about))
    print(args.out / "report.html")


def _suite(args: Args) -> None:
    from mac_control.suites import SUITES
    from mac_control.suites.run import run_suite

    if args.suite not in SUITES:
        raise InputError(f"suite: expected one of {', '.join(SUITES)}, got {args.suite!r}")
    suite = SUITES[args.suite]
    suite = suite.quick() if args.quick else suite
    if args.only is not None:
        suite = suite.only(args.only.split(","))
    if args.blocks is not None:
        suite = suite.only_blocks(args.blocks.split(","))
    size = changes(args.size)
    if suite.data == "raw" and "made" in size:
        raise InputError(
            f"size.made: expected none in the suite {suite.name}, which learns from demonstrations "
            f"as they are, got {size['made']}; leave it out"
        )
    suite = dataclasses.replace(suite, size=suite.size.changed(**size))
    about = {"command": _command()}
    run_suite(suite, args.out, args.data, workers=args.chosen(), about=about, videos=args.videos)
    print((args.out / "results.md").read_text(encoding="utf-8"))
    print(args.out / "report.html")


def _command() -> str:
    options = sys.argv[2:] if sys.argv[1:2] == ["evaluate"] else sys.argv[1:]
    return shlex.join(["mac-control", "evaluate", *options])


if __name__ == "__main__":
    run(main)
