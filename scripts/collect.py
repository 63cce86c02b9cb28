"""Collect demonstrations of an operator in simulation, over all cores."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mac_control.cli import run
from mac_control.errors import InputError
from mac_control.options import EnvOptions, changed
from mac_control.parallel import FanOut

if TYPE_CHECKING:
    from mac_control.envs.name import EnvName


#: The default operator, which labels each step with its subtask and has orders of its own.
_EXPERT = "the kitchen's expert"


@dataclass(kw_only=True)
class Args(FanOut, EnvOptions):
    """Collect demonstrations; the same command resumes where it was interrupted.

    Noise is injected on random subsets of dimensions; the label is the operator's correction. With
    a policy, operator and policy drive together without noise, and successful episodes are kept;
    with a teacher too, the labels are what the teacher would have done (DAgger).
    """

    out: str
    """Data set to write: a Minari id (namespace/name-v0) or a folder."""
    operator: str | None = None
    """Operator that gives every dimension: expert (the kitchen's), policy:CHECKPOINT, tracker or
    module:Class. With a policy it may give some, as in hand-expert+group:arm:wrist. None: expert,
    or with a policy nobody."""
    policy: str | None = None
    """Checkpoint that fills in the free dimensions; None: the operator gives everything."""
    teacher: str | None = None
    """With a policy: operator that gives every dimension, such as expert:order=tasks. The labels
    are what the teacher would have done. None: what operator and policy did."""
    data: str | None = None
    """Demonstrations that trackers follow: as in train; None: searched."""
    episodes: int = 100
    """Episodes to collect."""
    orders: Literal["complete", "mixed", "play"] = "complete"
    """Subtasks of the kitchen's expert. complete: microwave, kettle, light switch, slide cabinet;
    mixed: four of the seven in random order; play: all seven in random order."""
    noise: float = 0.12
    """Largest step of the noise, as a share of half the action box."""
    clean: float = 0.1
    """Share of the episodes without noise."""
    init_noise: float = 0.05
    """Arm joints of the kitchen start within this of the usual pose [rad]."""
    min_reward: float | None = None
    """Smallest reward of an episode to keep. None: 3 subtasks (all, if there are fewer than 3)
    where subtasks are counted, as in the kitchen; elsewhere every episode not reported as a
    failure; with a teacher every episode."""
    seed: int = 0
    """Seed of everything drawn."""


def main(args: Args) -> int | None:
    if args.episodes < 1 or args.seed < 0:
        raise InputError(
            "episodes, seed: expected at least 1 and at least 0, "
            f"got {args.episodes} and {args.seed}"
        )
    if args.operator is None:
        args = replace(args, operator="expert" if args.policy is None else "nobody")
    named = args.chosen_env()
    alone = args.operator == "expert" and args.policy is None and args.teacher is None
    kitchen = alone and (named is None or named.name == "kitchen")
    _expect_used(args, kitchen)
    made = _expert(args) if kitchen else _any(args)
    rewards = [float(episode.rewards.sum()) for episode in made]
    listed = f"mean return {np.mean(rewards):.2f}"
    if made.tasks:
        counts = Counter(f"{reward:.3g}" for reward in rewards)
        listed = "rewards " + ", ".join(f"{r}: {count}" for r, count in counts.most_common(8))
    steps = [len(episode) for episode in made]
    print(
        f"{len(made)} of {args.episodes} episodes kept, {sum(steps)} steps "
        f"({np.mean(steps):.0f} each), {listed}"
    )
    if made.subtasks:
        subtasks = Counter(name for episode in made for name in dict.fromkeys(episode.subtasks))
        counted = ", ".join(f"{name} {count}" for name, count in subtasks.items())
        print(f"episodes with each subtask: {counted}")
    print(f"written to {args.out}")
    return None


def _expect_used(args: Args, kitchen: bool) -> None:
    """Raise an InputError where an option was given that would have no effect."""
    chosen = changed(args)
    named = args.chosen_env()
    if kitchen and named is not None and named.options:
        raise InputError(
            f"env: expected the kitchen without options for {_EXPERT}, got {args.env!r}; "
            "--operator expert:order=tasks has any"
        )
    for names, unused, only in (
        (("orders", "init_noise"), not kitchen, f"of {_EXPERT} alone"),
        (("noise", "clean"), args.policy is not None, "where no policy drives"),
        (("data",), kitchen, "of operators who follow demonstrations"),
        (("robot", "episode_steps", "min_reward"), kitchen, f"of operators other than {_EXPERT}"),
    ):
        for name in names:
            if unused and name in chosen:
                raise InputError(f"{name}: expected only {only}, got {getattr(args, name)}")


def _expert(args: Args) -> Any:
    """The kitchen's scripted expert, with the subtask of each step."""
    from mac_control.collection.generate import generate_dataset
    from mac_control.envs.kitchen.collect import Collection, collect, wanted  # needs mink

    collection = Collection(args.orders, args.noise, args.clean, args.init_noise)
    settings = {"episodes": args.episodes, "seed": args.seed, "collection": asdict(collection)}
    return generate_dataset(
        collect,
        wanted(collection, args.episodes, args.seed),
        args.out,
        settings,
        collection.tasks,
        collection.about("mac-control collect"),
        collection.robot,
        args.chosen(),
    )


def _any(args: Args) -> Any:
    from mac_control.collection.collect import collect_dataset

    return collect_dataset(
        _where(args),
        args.out,
        args.episodes,
        args.seed,
        args.chosen_robot(),
        args.chosen(),
        operator=args.operator,
        policy=args.policy,
        teacher=args.teacher,
        data=args.data,
        noise=args.noise,
        clean=args.clean,
        min_reward=args.min_reward,
    )


def _where(args: Args) -> EnvName:
    """The environment that is named, otherwise that of the policy's or the tracked data."""
    from mac_control.collection.simulate import shared_demonstrations
    from mac_control.envs.name import EnvName
    from mac_control.loop.policies import resolve_policy
    from mac_control.operators.spec import acting_policy

    named, options = args.chosen_env(), args.env_options()
    if args.policy is not None:
        return resolve_policy(args.policy).env_for(named, options)
    if named is None and (policy := acting_policy(str(args.operator))) is not None:
        named = resolve_policy(policy).env
    if named is None and args.data is not None:
        named = EnvName.of_data(shared_demonstrations(args.data).provenance)
    return (named or EnvName()).with_options(options)


if __name__ == "__main__":
    run(main)
