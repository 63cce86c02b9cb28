"""Train a policy on demonstrations."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from mac_control.cli import run
from mac_control.errors import InputError
from mac_control.options import (
    EnvOptions,
    changed,
    changes,
    numbers,
    only_with,
    only_without,
    options_of,
)
from mac_control.parallel import FanOut
from mac_control.training.config import TrainConfig

if TYPE_CHECKING:
    from mac_control.demonstrations import Demonstrations

WRAPPERS = ("windowed", "intent", "retrieval")
#: The policy that is trained where none is named.
DEFAULT = "mac"
#: Options that can go with --wrapped, which trains nothing.
_WRAPPED = {"out", "data", "env", "robot", "threads", "wrapper", "wrapped", "retrieval"}

Training = options_of(TrainConfig, optional=True, name="Training", aliases={"select_by": "--keep"})


@dataclass(kw_only=True)
class Args(FanOut, EnvOptions):
    """Train a policy on demonstrations; the same command resumes where it was interrupted.

    With --policy NAME, --help also lists the options of that policy and of its wrappers. Options
    that are None follow from the policy and the scale. On several devices:
    `torchrun --nproc-per-node 2 -m mac_control train ...`.
    """

    workers: int | None = field(default=None)
    """Train each seed by itself, this many at once; None: side by side in this process, with
    weights that differ in the last bits. With --backend ray always by itself."""
    out: Path
    """Folder for the checkpoint; with several seeds each has a folder seed-N in it."""
    policy: str | None = None
    """bc, mixture_bc, ibc, diffusion, consistency, mac or a package's; None: mac, or --from's."""
    data: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Demonstrations: an HDF5 file, a Minari id or folder, a LeRobotDataset's folder, a D4RL
    kitchen name; none: searched. Given several times, the sets are mixed: --data old:0.5 --data
    corrections:1 draws twice as often from the second."""
    start: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """Checkpoint to train further, in place of new weights."""
    seed: int = 0
    """Seed of the initial weights and the batches."""
    seeds: str | None = None
    """Several seeds, such as 0,1,2."""
    scale: Literal["demo", "full"] = "full"
    """demo: minutes on one core; full: at most ten."""
    threads: int = 1
    """CPU threads; 1 with --workers or --backend ray."""
    rollouts: int = 20
    """Episodes in the environment per validation, with select-by=rollouts."""
    wandb: str | None = None
    """Weights & Biases project to send the curves to; TensorBoard's are in the folder anyway."""
    wrapper: Literal["none", "windowed", "intent", "retrieval"] = "none"
    """windowed: history and chunks; intent: infer the operator's subtask, of those that the
    demonstrations name or that get done next; retrieval: follow stored demonstrations that fit."""
    wrapped: Path | None = None
    """With --wrapper retrieval: a trained policy to wrap; nothing is trained then."""
    training: tyro.conf.OmitArgPrefixes[Training] = field(default_factory=Training)
    """How it learns."""


def parse(argv: Sequence[str], prog: str) -> Any:
    """The arguments, with the options of the policy that they name."""
    named = _named_policy(argv)
    if named is None and {"-h", "--help"} & set(argv):
        return tyro.cli(Args, prog=prog, args=argv)  # without loading torch
    return tyro.cli(with_policy(DEFAULT if named is None else named), prog=prog, args=argv)


def with_policy(name: str = DEFAULT) -> type:
    """The command line of a policy: the common options, its own, and those of its wrappers."""
    from mac_control.policies import policy_class

    made = []
    for each in dict.fromkeys((name, *WRAPPERS)):
        omitted = ("policy", "options", "lengths", "intents") if each in WRAPPERS else ()
        options = options_of(policy_class(each).Config, omitted)
        made.append((each, options, field(default_factory=options)))
    cls = dataclasses.make_dataclass("Args", made, bases=(Args,), kw_only=True)
    cls.__doc__ = Args.__doc__
    return cls


def arguments(policy: str | None = None, **options: Any) -> Any:
    """The arguments of a call from Python; training options by name, a policy's as `mac={"width":
    8}`."""
    if isinstance(options.get("data"), str):
        options["data"] = (options["data"],)
    names = [each.name for each in dataclasses.fields(Training)]
    training = Training(**{name: options.pop(name) for name in names if name in options})
    cls = with_policy(DEFAULT if policy is None else policy)
    kinds = {each.name: each.default_factory for each in dataclasses.fields(cls)}
    for name in {policy or DEFAULT, *WRAPPERS} & options.keys():
        options[name] = kinds[name](**options[name])
    return cls(policy=policy, training=training, **options)


def _named_policy(argv: Sequence[str]) -> str | None:
    for at, text in enumerate(argv):
        if text == "--policy" and at + 1 < len(argv):
            return argv[at + 1]
        if text.startswith("--policy="):
            return text.removeprefix("--policy=")
    return None


def main(args: Any) -> int | None:
    from mac_control.demonstrations import load_demonstrations
    from mac_control.demonstrations.described import described
    from mac_control.envs.name import EnvName
    from mac_control.parallel import use_threads
    from mac_control.training import preset, train
    from mac_control.training.mixing import load_mixed
    from mac_control.training.score import MeanReward

    use_threads(args.threads)
    name, config = chosen(args)
    kind = _policy(args)
    if args.start is not None:
        (name, kind), config = _kinds(args), None
    how = preset(kind, args.scale, **changes(args.training))
    _expect_used(args, how)
    found = load_mixed(args.data) if args.data else load_demonstrations()
    first = os.environ.get("RANK", "0") == "0"  # among the processes that torchrun starts
    if not args.data and first:
        source = found.provenance.get("source")
        print(f"data: {len(found)} episodes of {source}; --data names others", file=sys.stderr)
    demonstrations = described(found, args, rollouts=how.select_by == "rollouts")
    if "intent" in (args.wrapper, name):
        from mac_control.envs.kitchen.subtasks import labelled

        demonstrations = labelled(demonstrations)
    if args.wrapped is not None:
        from mac_control.training.wrapping import wrap_saved

        print(wrap_saved(args.wrapped, demonstrations, config, args.out))
        return None
    recorded = EnvName.of_data(demonstrations.provenance) or EnvName()
    seeds = numbers("seeds", args.seeds) if args.seeds is not None else [args.seed]
    options: dict[str, Any] = {
        "policy_config": config,
        "config": how,
        "score": MeanReward(args.rollouts, recorded, args.env_options(), args.chosen_robot()),
        "wandb": args.wandb,
        "start": args.start,
    }
    if args.workers is None and args.backend == "local":
        folders = train(name, demonstrations, args.out, seeds=seeds, **options)
    else:
        folders = _train_each(args, name, demonstrations, seeds, **options)
    if first:
        print(*folders, sep="\n")
    return None


def _kinds(args: Any) -> tuple[str, str]:
    """Names of the policy that --from starts from, for which no options may be given, and of the
    one that it wraps, or the same again."""
    from mac_control.policies.wrapper import PolicyWrapper
    from mac_control.training.run import trained_policy

    policy = trained_policy(args.start)
    kind = policy.name
    own = [f"--{each}" for each in changed(args) if each.partition(".")[0] == _policy(args)]
    own += [f"--wrapper {args.wrapper}"] if args.wrapper != "none" else []
    own += [f"--policy {args.policy}"] if args.policy not in (None, kind) else []
    if own:
        raise InputError(
            f"from: expected no other policy and no options of it: they are those of "
            f"{args.start} ({kind}); got {', '.join(own)}"
        )
    return kind, policy.config.policy if isinstance(policy, PolicyWrapper) else kind


def _expect_used(args: Any, how: TrainConfig) -> None:
    """Raise an InputError where an option was given that would have no effect."""
    rollouts = how.select_by == "rollouts", only_with, "--select-by rollouts"
    needs = {
        "seed": (args.seeds is None, only_without, "--seeds"),
        "address": (args.backend == "ray", only_with, "--backend ray"),
        "wrapped": (args.wrapper == "retrieval", only_with, "--wrapper retrieval"),
        "rollouts": rollouts,
        "episode_steps": rollouts,
        "training.split_seed": (how.validation > 0, only_with, "--validation"),
        "training.correction_gain": (how.corrections > 0, only_with, "--corrections"),
        "training.ema": (how.optimizer == "adamw", only_with, "--optimizer adamw"),
    }
    for option in changed(args):
        said = {"start": "from"}.get(option, option.removeprefix("training."))
        if args.wrapped is not None and option.partition(".")[0] not in _WRAPPED:
            raise only_without(said, "--wrapped, which trains nothing")
        used, refusal, other = needs.get(option, (True, only_with, ""))
        if not used:
            raise refusal(said, other)


def _train_each(
    args: Any, name: str, demonstrations: Demonstrations, seeds: Sequence[int], **options: Any
) -> list[Path]:
    """Each seed by itself, on the chosen backend."""
    from mac_control.training.many import Job, train_many

    if args.threads != 1:
        raise InputError(f"threads: expected 1 with --workers or ray, got {args.threads}")
    device = args.training.device
    if args.backend == "ray" and device not in (None, "cpu"):
        raise InputError(
            f"device: expected cpu with ray, whose tasks have a core each, got {device!r}"
        )
    folders = [args.out] if len(seeds) == 1 else [args.out / f"seed-{seed}" for seed in seeds]
    jobs = [
        Job(name, demonstrations, folder, seed, **options)
        for folder, seed in zip(folders, seeds, strict=True)
    ]
    return train_many(jobs, workers=args.chosen())


def chosen(args: Any) -> tuple[str, Any]:
    """Name and configuration of the policy, with its wrapper."""
    from mac_control.policies import policy_class

    for each in WRAPPERS:
        if each != args.wrapper and getattr(args, each) != type(getattr(args, each))():
            raise InputError(f"{each}: expected --wrapper {each} with its options, got none")
    policy = _policy(args)
    if policy in WRAPPERS:
        raise InputError(
            f"policy: expected the policy to wrap, as in --policy mac --wrapper {policy}, "
            f"got {policy}"
        )
    own = dataclasses.asdict(getattr(args, policy))
    if args.wrapper == "none":
        return policy, policy_class(policy).Config(**own)
    wrapper = dataclasses.asdict(getattr(args, args.wrapper))
    return args.wrapper, policy_class(args.wrapper).Config(policy, own, **wrapper)


def _policy(args: Any) -> str:
    return DEFAULT if args.policy is None else str(args.policy)


if __name__ == "__main__":
    run(main, parse=parse)
