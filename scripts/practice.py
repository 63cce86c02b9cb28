"""Improve a trained policy by practice: it drives with simulated operators, and actions that raised
the reward become more likely."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from mac_control.cli import run
from mac_control.options import EnvOptions, changed, only_with, options_of
from mac_control.practice.config import PracticeConfig

Options = options_of(PracticeConfig, name="Options")
#: Default operators, which track a plan without or with re-synchronisation.
OPERATORS = ("tracker+noisy:std=0.05", "tracker:resync=true+noisy:std=0.05")


@dataclass(kw_only=True)
class Args(EnvOptions):
    """Practise: drive with simulated operators and learn from the reward; the same command resumes
    where it was interrupted, or, with more steps, where it ended."""

    policy: str = "builtin"
    """Checkpoint to start from, with an exact density of what is filled in: mac, mixture_bc, or
    intent or retrieval around these."""
    out: Path
    """Folder for the practised policy and its curves."""
    operators: tuple[str, ...] = OPERATORS
    """Operators, in turn; see `evaluate`. Rate the result with others."""
    data: str | None = None
    """Demonstrations that trackers follow: as in train; None: searched."""
    practice: tyro.conf.OmitArgPrefixes[Options] = field(default_factory=Options)
    """How it learns."""


def main(args: Args) -> int | None:
    from tqdm import tqdm

    from mac_control.demonstrations import load_demonstrations
    from mac_control.loop.policies import resolve_policy
    from mac_control.operators.spec import tracked_source
    from mac_control.practice.run import Practice

    config = PracticeConfig(**dataclasses.asdict(args.practice))
    if "practice.unwanted" in changed(args) and config.score != "goal_rewards":
        raise only_with("unwanted", "--score goal_rewards")
    source = tracked_source(args.operators, args.data)
    demonstrations = load_demonstrations(source) if source is not None else None
    env = resolve_policy(args.policy).env_for(args.chosen_env(), args.env_options())
    session = Practice(
        args.policy,
        args.operators,
        demonstrations,
        env,
        args.out,
        config,
        args.chosen_robot(),
    )
    if session.step >= config.steps:
        print(
            f"{args.out}: practised {session.step} of {config.steps} steps already; more --steps "
            "go on",
            file=sys.stderr,
        )
    try:
        with tqdm(total=config.steps, initial=session.step, unit="step") as bar:

            def tell(step: int, row: dict[str, float]) -> None:
                bar.update(step - bar.n)
                bar.set_postfix(
                    reward=f"{row['reward']:.2f}", divergence=f"{row['divergence']:.2g}"
                )

            print(session.run(tell))
    finally:
        session.close()
    return None


if __name__ == "__main__":
    run(main)
