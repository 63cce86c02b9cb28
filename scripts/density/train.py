"""Trains a density model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass
class Args:
    """Train a density model; the same command resumes where it was interrupted.

    Settings left at None are the preset's. Text: files, folders of .txt, text8.zip. Images: folders
    of PNG files, cifar-10-batches-py, ImageNet32's folder, npz. Tables: npy, npz, csv.
    """

    data: Path
    """File or folder to learn from."""
    out: Path
    """Folder for the model, its training state and log.csv."""
    kind: Literal["auto", "text", "images", "tables"] = "auto"
    """What the data is; auto: what the files look like."""
    size: int | None = None
    """Characters in a window (text: 250), pixels on each side of a crop (images: all)."""
    preprocessing: Literal["none", "power", "gas", "hepmass", "miniboone", "bsds"] = "none"
    """Preprocessing of a table, as published."""
    clean: bool = False
    """Convert text to a to z and spaces, as text8 was made."""
    preset: Literal["small", "published"] = "small"
    """Size and budget: two cores and minutes, or as published, for GPUs and days."""
    objective: Literal[
        "mac", "ardm", "no-redundancy", "paper", "ardm-sets", "mac-sets"
    ] = "mac"  # fmt: skip
    """Which conditionals are trained, and how often."""
    queries: Literal["evidence", "marginal", "joint"] = "evidence"
    """Queries to answer: the rest given anything (complete, inpaint), marginals, the joint."""
    order: Literal["natural", "spaced", "random"] | None = None
    """Order of the variables in a query."""
    width: int | None = None
    """Width of the transformer."""
    layers: int | None = None
    """Layers of the transformer."""
    heads: int | None = None
    """Attention heads."""
    head: Literal["categorical", "logistic", "gaussian"] | None = None
    """The conditionals: free probabilities, mixtures of logistics or of Gaussians."""
    components: int | None = None
    """Components of a mixture."""
    bend: int | None = None
    """Tables: components of the mixture that makes each column normal; 0: columns as they are."""
    shrink: float | None = None
    """Tables: how far the Gaussian that conditionals start from is mixed with its diagonal."""
    steps: int | None = None
    """Steps of the optimizer."""
    batch_size: int | None = None
    """Rows in a step."""
    groups: int | None = None
    """Lengths of paths in a step, where queries are marginals."""
    lr: float | None = None
    """Highest learning rate."""
    warmup: int | None = None
    """Steps until the highest learning rate."""
    weight_decay: float | None = None
    """Weight decay of matrices."""
    ema: float | None = None
    """Decay of the averaged weights."""
    keep: Literal["last", "best"] | None = None
    """Weights to save: last, or best on validation rows."""
    check_every: int | None = None
    """Steps between two validations."""
    check_rows: int | None = None
    """Rows in a validation."""
    recompute: bool | None = None
    """Recompute activations: less memory for a third more time."""
    bf16: bool | None = None
    """bfloat16 where the device has it."""
    device: str | None = None
    """cpu, cuda, ...; None: a GPU where there is one."""
    seed: int = 0
    """Seed of everything random."""
    threads: int = 1
    """Threads of torch."""


def main(args: Args) -> int | None:
    import dataclasses

    import torch

    from mac_control.density.config import PRESETS, DensityConfig, DensityTraining
    from mac_control.density.data import load_data
    from mac_control.density.trainer import train_density
    from mac_control.errors import InputError
    from mac_control.parallel import use_threads
    from mac_control.training.arithmetic import require_device

    use_threads(args.threads)
    data = load_data(args.data, args.kind, args.size, args.preprocessing, args.clean)
    if data.kind == "tables" and (args.size is not None or args.clean):
        raise InputError("size, clean: expected with text or images, got a table")
    if data.kind == "images" and args.clean:
        raise InputError("clean: expected with text, got images")
    tables = data.kind == "tables"
    mixture = tables or (data.kind == "images" and args.head != "categorical")
    for name, used, wanted in (  # options that this model would not look at
        ("shrink", tables, "tables"),
        ("components", mixture, "mixtures: tables, or images with --head logistic"),
        ("recompute", not tables, "text or images"),
        ("groups", args.queries == "marginal", "--queries marginal"),
    ):
        if getattr(args, name) is not None and not used:
            raise InputError(f"{name}: expected only with {wanted}, got {data.kind}; leave it out")
    model, training = PRESETS[data.kind, args.preset]
    given = {k: v for k, v in dataclasses.asdict(args).items() if v is not None}
    given.setdefault("device", "cuda" if torch.cuda.is_available() else "cpu")
    chosen = [
        {**preset, **{f.name: given[f.name] for f in dataclasses.fields(cls) if f.name in given}}
        for cls, preset in ((DensityConfig, model), (DensityTraining, training))
    ]
    config = DensityConfig(**{**chosen[0], "kind": data.kind, "shape": data.shape})
    how = DensityTraining(**chosen[1])
    require_device(how.device)
    print(train_density(data, args.out, config, how))
    return 0
