"""Search for a policy's settings by rollouts, with the same budget for every policy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from mac_control.cli import run
from mac_control.options import EnvOptions
from mac_control.parallel import FanOut


@dataclass(kw_only=True)
class Args(FanOut, EnvOptions):
    """The defaults, then what Optuna proposes, are trained and rolled out with an operator.

    The same command resumes where it was interrupted.
    """

    out: Path
    """Folder for the trials and tuning.json."""
    policy: str = "mac"
    """bc, mixture_bc, ibc, diffusion, mac, or one that a package adds."""
    data: str | None = None
    """Demonstrations, as in train."""
    trials: int = 20
    """Settings to try."""
    steps: int | None = None
    """Gradient steps per trial for MAC; for other policies, as many as take as long. None: 3000, or
    what --seconds allows."""
    seconds: float | None = None
    """Instead of --steps: training time per trial, in seconds of one core of this machine, the same
    for every policy and setting."""
    operator: str = "tracker"
    """Operator in rollouts, as in evaluate."""
    num_given: Annotated[str | None, tyro.conf.arg(aliases=["--given"])] = None
    """Numbers of dimensions it gives; the score is the mean over them. None: those of 0,3 that the
    robot has."""
    episodes: int = 10
    """Episodes for each of them."""
    score: Literal["rewards", "goal_rewards", "successes"] = "rewards"
    """Score: the environment's reward, that of the operator's own goal, or the share of
    successes."""
    seed: int = 0
    """Seed of training and of Optuna's proposals."""


def main(args: Args) -> int | None:
    from mac_control.demonstrations import load_demonstrations
    from mac_control.demonstrations.described import described
    from mac_control.loop.cases import given_numbers
    from mac_control.suites.tuning import tune

    demonstrations = described(load_demonstrations(args.data), args, rollouts=True)
    found = tune(
        args.policy,
        demonstrations,
        args.out,
        trials=args.trials,
        steps=args.steps,
        seconds=args.seconds,
        operator=args.operator,
        num_given=tuple(given_numbers(args.num_given, demonstrations.action_dim, (0, 3))),
        episodes=args.episodes,
        score=args.score,
        seed=args.seed,
        workers=args.chosen(),
        env=args.chosen_env(),
        env_options=args.env_options(),
        robot=args.chosen_robot(),
    )
    print(f"{found['best']['value']:.2f} with {found['best']['settings']}")
    print(args.out / "tuning.json")


if __name__ == "__main__":
    run(main)
