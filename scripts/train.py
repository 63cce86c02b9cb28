"""Train a policy on demonstrations."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mac_control.cli import run
from mac_control.demonstrations import Demonstrations
from mac_control.errors import InputError
from mac_control.parallel import FanOut
from mac_control.policies import MacConfig, Policy
from mac_control.policies.bc import BCConfig
from mac_control.policies.diffusion import DiffusionConfig
from mac_control.policies.ibc import IBCConfig
from mac_control.policies.intent import IntentConfig
from mac_control.policies.mixture_bc import MixtureBCConfig
from mac_control.policies.recall import Recall, RecallConfig
from mac_control.policies.windowed import WindowConfig

# Far from 0, where evaluations begin: a checkpoint is not chosen on the episodes it is rated by.
_SCORE_SEED = 1_000_000


@dataclass
class Args(FanOut):
    """Train a policy on demonstrations; the same command goes on where it was interrupted.

    On several devices: `torchrun --nproc-per-node 2 -m mac_control train ...`.
    Options that are None follow from the policy and the scale.
    """

    workers: int | None = field(default=None, kw_only=True)
    """Train each seed by itself, so many at once; None: side by side in this process, to weights
    that differ in the last bits. With --backend ray always by itself."""
    out: Path
    """Folder for the checkpoint; with several seeds each has a folder seed-N in it."""
    policy: str = "mac"
    """bc, mixture_bc, ibc, diffusion, mac, or one that a package adds."""
    data: str | None = None
    """Demonstrations: an HDF5 file, a Minari id or folder, a D4RL kitchen name; None: searched."""
    seed: int = 0
    """Draws the first weights and the batches."""
    seeds: str | None = None
    """Several seeds, such as 0,1,2."""
    scale: Literal["demo", "full"] = "full"
    """demo: minutes on one core; full: at most ten."""
    threads: int = 1
    """Processor threads; 1 with --workers or --backend ray."""
    steps: int | None = None
    """Gradient steps."""
    batch_size: int | None = None
    """Demonstration steps in a batch."""
    lr: float | None = None
    """Highest learning rate."""
    weight_decay: float | None = None
    """Decay of weight matrices."""
    ema: float | None = None
    """Decay of the average of the weights; 0: none."""
    validation: float | None = None
    """Share of the episodes that is held out."""
    keep: Literal["last", "validation", "rollouts"] | None = None
    """Which weights are kept: the last, or the best by validation loss or by rollouts."""
    rollouts: int = 20
    """Episodes in the kitchen for each look, with keep=rollouts."""
    check_every: int | None = None
    """Steps between two looks at validation loss or rollouts."""
    patience: int | None = None
    """Looks without a better result after which training stops; 0: never."""
    corrections: float | None = None
    """Scale of displaced arm joints, labelled with the correction [rad]; 0.05 helps few data."""
    save_seconds: float | None = None
    """Time between two saves [s]."""
    device: str | None = None
    """cpu or cuda."""
    bf16: bool = False
    """Compute in bfloat16; for GPUs, and processors with such arithmetic."""
    compile: bool = False
    """Compile the loss with torch.compile; a processor needs a C++ compiler for it."""
    wandb: str | None = None
    """Project of Weights & Biases to send the curves to; TensorBoard's lie in the folder anyway."""
    intents: bool = False
    """Infer the operator's intent: which subtask it is at, of those that the demonstrations name;
    those of a kitchen that name none are labelled in hindsight, by what gets done next."""
    recall: bool = False
    """Remember demonstrations whole, and follow those that what is given fits; see policies/recall.
    """
    around: Path | None = None
    """With --recall: a trained policy to put the memory around; nothing is trained then."""
    history: int = 1
    """Observations that the policy sees, the present one included."""
    past: int = 0
    """Past actions of which it knows what was given."""
    stride: int = 1
    """Steps between two of the history, and of the past."""
    chunk: int = 1
    """Steps that it plans, the present one included."""
    ensemble: float | None = None
    """Average what successive chunks say of a step, weighted by exp(this · age in steps)."""
    commit: int = 0
    """Steps that are kept from the plan of the step before."""
    remember: Literal["operator", "all"] = "operator"
    """What of past actions is known: what the operator gave, or all that was done."""
    bc: BCConfig = field(default_factory=BCConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    ibc: IBCConfig = field(default_factory=IBCConfig)
    mac: MacConfig = field(default_factory=MacConfig)
    mixture_bc: MixtureBCConfig = field(default_factory=MixtureBCConfig)


def main(args: Args) -> int | None:
    import torch

    from mac_control.demonstrations import load_demonstrations
    from mac_control.demonstrations.subtasks import labelled
    from mac_control.scripts.rollout import numbers
    from mac_control.training import preset, train

    torch.set_num_threads(args.threads)
    demonstrations = load_demonstrations(args.data)
    if args.intents:
        demonstrations = labelled(demonstrations)
    names = "steps batch_size lr weight_decay ema validation keep check_every patience"
    names += " corrections save_seconds device bf16 compile"
    changes = {name: getattr(args, name) for name in names.split()}
    name, config = chosen(args)
    if args.around is not None:
        print(_put_around(args, demonstrations, changes))
        return None
    seeds = numbers("seeds", args.seeds) if args.seeds is not None else (args.seed,)
    score = functools.partial(mean_reward, tasks=demonstrations.tasks, episodes=args.rollouts)
    options = {"policy": config, "config": preset(args.policy, args.scale, **changes)}
    options |= {"score": score, "wandb": args.wandb}
    if args.workers is None and args.backend == "local":
        folders = train(name, demonstrations, args.out, seeds=seeds, **options)
    else:
        folders = _train_each(args, name, demonstrations, seeds, **options)
    if os.environ.get("RANK", "0") == "0":  # of the processes that torchrun starts, one speaks
        print(*folders, sep="\n")


def _put_around(args: Args, demonstrations: Demonstrations, changes: dict[str, Any]) -> Path:
    """A memory around a policy that is trained already, saved."""
    from mac_control.checkpoint import load_policy, save_policy

    if not args.recall:
        raise InputError("around: expected recall too, got a policy without --recall")
    if args.out.resolve() == args.around.resolve():
        raise InputError(f"out: expected another folder than that of around, got {args.out}")
    unused = [name for name, value in changes.items() if value is not None and value is not False]
    if unused:
        raise InputError(f"around: expected no option of training, got {', '.join(unused)}")
    policy = load_policy(args.around)
    memory = Recall.around(policy, demonstrations)
    training = policy.checkpoint["training"]
    return save_policy(args.out, memory, training=training, data=demonstrations.provenance)


def _train_each(
    args: Args, name: str, demonstrations: Demonstrations, seeds: Sequence[int], **options: Any
) -> list[Path]:
    """Each seed by itself, wherever work fans out to."""
    from mac_control.training.many import Job, train_many

    if args.threads != 1:
        raise InputError(f"threads: expected 1 with --workers or ray, got {args.threads}")
    if args.backend == "ray" and args.device not in (None, "cpu"):
        raise InputError(
            f"device: expected cpu with ray, whose tasks have a core each, got {args.device!r}"
        )
    folders = [args.out] if len(seeds) == 1 else [args.out / f"seed-{seed}" for seed in seeds]
    jobs = [
        Job(name, demonstrations, folder, seed, **options)
        for folder, seed in zip(folders, seeds, strict=True)
    ]
    return train_many(jobs, workers=args.chosen())


def chosen(args: Args) -> tuple[str, Any]:
    """Name and configuration of the policy; what sees more than one step is put around it."""
    config = getattr(args, args.policy, None)
    options = dataclasses.asdict(config) if config is not None else {}
    names = "history past stride chunk commit ensemble remember"
    window = WindowConfig(args.policy, options, **{n: getattr(args, n) for n in names.split()})
    plain = window.history == window.chunk == 1 and not window.past
    if args.intents and not plain:
        raise InputError("intents: expected none with history, past or chunk, got both")
    if args.recall and (args.intents or not plain):
        raise InputError("recall: expected none with intents, history, past or chunk, got both")
    if args.intents:
        return "intent", IntentConfig(args.policy, options)
    if args.recall:
        return "recall", RecallConfig(args.policy, options)
    return (args.policy, config) if plain else ("windowed", window)


def mean_reward(policy: Policy, tasks: tuple[str, ...], episodes: int) -> float:
    """Mean reward of a policy alone, on episodes that `mac-control evaluate` does not use."""
    from mac_control.loop import evaluate

    env = {"tasks": tasks} if tasks else {}
    rows = evaluate([policy], episodes=episodes, seed=_SCORE_SEED, workers=1, env=env)
    return rows[0]["reward_mean"]


if __name__ == "__main__":
    run(main)
