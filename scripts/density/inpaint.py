"""Fills in the masked pixels of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Args:
    """Fill in masked pixels, and write a sheet: original, masked, completions.

    Several models make one sheet, each with its own completions.
    """

    images: Path
    """A picture, a folder of PNG files, or an npz file or folder as for train (its test split)."""
    models: tuple[Path, ...]
    """Folders of models of images of that size."""
    out: Path
    """Picture to write (.png)."""
    mask: str = "right"
    """Which pixels to fill in: left, right, top, bottom, centre, random:0.5 (a share), or a
    picture whose white pixels are filled in."""
    rows: int = 6
    """Pictures on the sheet."""
    samples: int = 3
    """Completions of each."""
    temperature: float = 1.0
    """Below 1: likelier completions."""
    crop: bool = False
    """Cut pictures to the model's size, from their middle."""
    seed: int = 0
    """Seed of the draws."""
    scale: int = 0
    """Screen pixels per pixel; 0: so that a picture is 64 wide."""
    threads: int = 1
    """Threads of torch."""


def main(args: Args) -> int | None:
    from mac_control.density.inpainting import (
        expect_sheet,
        inpaint,
        read_mask,
        read_pictures,
        sheet,
    )
    from mac_control.density.load import load_density
    from mac_control.errors import InputError
    from mac_control.parallel import use_threads

    use_threads(args.threads)
    if not args.models:
        raise InputError("models: expected at least one folder, got none")
    expect_sheet(args.out, args.scale)
    models = [load_density(folder) for folder in args.models]
    shape = models[0].config.shape
    for folder, model in zip(args.models, models, strict=True):
        if (model.config.kind, model.config.shape) != ("images", shape):
            raise InputError(
                f"models: expected images of one size, got {model.config.kind} of shape "
                f"{model.config.shape} in {folder}"
            )
    pictures = read_pictures(args.images, shape, args.rows, args.crop)
    mask = read_mask(args.mask, shape, args.seed)
    found = []
    for folder, model in zip(args.models, models, strict=True):
        filled, log_prob = inpaint(model, pictures, mask, args.samples, args.temperature, args.seed)
        print(f"{folder.name}: {log_prob:.2f} bits for each value filled in, of the originals")
        found.append((folder.name, filled))
    print(sheet(args.out, pictures, mask, found, args.scale))
    return 0
