"""The whole story in one command: train BC, IBC and MAC, share control, print the table."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from mac_control.cli import run
from mac_control.options import EnvOptions, numbers
from mac_control.parallel import FanOut

#: In order of training: the longest first.
POLICIES = ("ibc", "mac", "bc")


@dataclass(kw_only=True)
class Args(FanOut, EnvOptions):
    """Train BC, IBC and MAC, roll them out alone and MAC with a BC proxy operator, compare.

    Writes checkpoints, results.json, .csv, .md and .png. The same command resumes where it was
    interrupted.
    """

    out: Path = Path("demo")
    """Folder for everything."""
    data: str | None = None
    """Demonstrations: a file, a Minari id, a D4RL kitchen name; None: searched."""
    scale: Literal["demo", "full"] = "demo"
    """demo: about two minutes of training per policy and core; full: at most ten."""
    seeds: str = "0"
    """Training seeds, such as 0,1,2."""
    num_given: Annotated[str | None, tyro.conf.arg(aliases=["--given"])] = None
    """Numbers of dimensions that the proxy operator drives, such as 1,3; which ones is drawn per
    episode. None: those of 1,3,5 that the robot has."""
    episodes: int = 10
    """Episodes per policy, training seed and number of given dimensions."""
    steps: int | None = None
    """Gradient steps of each policy; None: as the scale says."""
    bf16: bool | None = None
    """Train in bfloat16 where that is safe and the machine has it; None: where it is faster."""


def main(args: Args) -> int | None:
    from mac_control.demonstrations import load_demonstrations
    from mac_control.demonstrations.described import described
    from mac_control.errors import InputError
    from mac_control.loop import evaluate
    from mac_control.loop.cases import given_numbers
    from mac_control.loop.report import add_report
    from mac_control.loop.results import rows_without_suite
    from mac_control.training import preset
    from mac_control.training.many import Job, train_many

    seeds = numbers("seeds", args.seeds)
    if args.episodes < 1:
        raise InputError(f"episodes: expected at least 1, got {args.episodes}")
    demonstrations = described(load_demonstrations(args.data), args, rollouts=True)
    num_given = given_numbers(args.num_given, demonstrations.action_dim, (1, 3, 5))
    jobs = [
        Job(
            name,
            demonstrations,
            args.out / name / f"seed-{seed}",
            seed,
            preset(name, args.scale, steps=args.steps, bf16=args.bf16),
        )
        for name in POLICIES
        for seed in seeds
    ]
    source = demonstrations.provenance.get("source", "demonstrations")
    print(f"{len(demonstrations)} episodes of {source}; training {len(jobs)} policies")
    results = args.out / "results.json"
    earlier, rows = rows_without_suite(results), []  # read before training, as they may be damaged

    def report(rows: list[dict[str, Any]], done: bool = False) -> str:
        """Write these rows; until all are made, beside the earlier ones that they may replace."""
        made = {row["key"] for row in rows}
        still = [row for row in earlier if row["policy"] in POLICIES and row.get("key") not in made]
        return add_report(args.out, rows if done else [*still, *rows], about, POLICIES)

    train_many(jobs, workers=args.chosen())

    options = sys.argv[2:] if sys.argv[1:2] == ["demo"] else sys.argv[1:]
    about: dict[str, Any] = {
        "command": shlex.join(["mac-control", "demo", *options]),
        "data": demonstrations.provenance,
        "training": {
            job.name: {
                "policy": dataclasses.asdict(policy_config(job.name)),
                **dataclasses.asdict(job.config),
            }
            for job in jobs
        },
    }
    for names, operator in ((("bc", "ibc", "mac"), "nobody"), (("mac",), "proxy")):
        before = rows
        rows = before + evaluate(
            [f"{job.name}={job.out}" for name in names for job in jobs if job.name == name],
            [operator],
            num_given,
            episodes=args.episodes,
            workers=args.chosen(),
            env=args.chosen_env(),
            env_options=args.env_options(),
            robot=args.chosen_robot(),
            proxies=[f"bc={job.out}" for job in jobs if job.name == "bc"],
            done=earlier,
            on_row=lambda new, before=before: report(before + new),
            progress=True,
        )
    print(report(rows, done=True))
    print(results)
    drive = args.out / "mac" / f"seed-{seeds[0]}"
    print(f"Now drive: mac-control teleoperate --policy {drive} --record runs/mine")
    return None


def policy_config(name: str) -> Any:
    """The configuration that a policy is trained with here: its defaults."""
    from mac_control.policies import policy_class

    return policy_class(name).Config()


if __name__ == "__main__":
    run(main)
