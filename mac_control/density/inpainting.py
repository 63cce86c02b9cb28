"""Masks and completions of pictures, and a sheet that shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mac_control.density.images import png_files, read_image, read_images
from mac_control.density.model import DensityModel
from mac_control.errors import DataError, InputError
from mac_control.files import atomic_path
from mac_control.seeds import whole_seed

MASKS = ("left", "right", "top", "bottom", "centre", "random:SHARE")
#: Most screen pixels per pixel.
LARGEST = 64
_HIDDEN = (128, 128, 128)
_GAP = 4


def read_pictures(
    path: Path, shape: Sequence[int], most: int = 6, crop: bool = False
) -> np.ndarray:
    """Pictures `(B, H, W, C)` to fill in: one file, a folder, or the test split of a data set.

    Raises:
        DataError: nothing to read there, or pictures of a wrong size.
    """
    if most < 1:
        raise InputError(f"rows: expected at least 1, got {most}")
    if path.is_file() and path.suffix.lower() != ".npz":
        pictures = read_image(path, shape[2])[None]
    elif path.is_dir() and (files := sorted(png_files(path))[:most]):
        loaded = [read_image(file, shape[2]) for file in files]
        for file, picture in zip(files, loaded, strict=True):
            _require_size(file, picture, shape, crop)
        pictures = np.stack([_middle(p, shape) for p in loaded])
    else:
        pictures = read_images(path)["test"]
        chosen = np.linspace(0, len(pictures) - 1, min(most, len(pictures))).round().astype(int)
        pictures = pictures[chosen]
    _require_size(path, pictures[0], shape, crop)
    return np.stack([_middle(picture, shape) for picture in pictures[:most]])


def read_mask(text: str, shape: Sequence[int], seed: int = 0) -> np.ndarray:
    """Pixels to fill in, `(H, W)` booleans: one of `MASKS`, or the white pixels of a picture.

    Raises:
        InputError: an unknown name, or a mask that covers nothing.
        DataError: a picture of a wrong size.

    Example:
        >>> read_mask("right", (2, 4, 3))[0].tolist()
        [False, False, True, True]
    """
    height, width = shape[:2]
    y, x = np.mgrid[:height, :width]
    named = {
        "left": x < width // 2,
        "right": x >= width // 2,
        "top": y < height // 2,
        "bottom": y >= height // 2,
        "centre": (abs(2 * y - height + 1) < height / 2) & (abs(2 * x - width + 1) < width / 2),
    }
    if text in named:
        mask: np.ndarray = named[text]
    elif text.startswith("random:"):
        try:
            share = float(text.removeprefix("random:"))
        except ValueError as error:
            raise InputError(f"mask: expected random:SHARE, got {text!r}") from error
        if not 0 <= share <= 1:
            raise InputError(f"mask: expected a share from 0 to 1, got {text!r}")
        mask = np.random.default_rng(whole_seed(seed)).random((height, width)) < share
    elif Path(text).suffix and Path(text).exists():
        pixels = read_image(text, 1)
        if pixels.shape[:2] != (height, width):
            got = "×".join(map(str, pixels.shape[1::-1]))
            raise DataError(f"{text}: expected a mask of {width}×{height} pixels, got {got}")
        mask = pixels[..., 0] >= 128
    else:
        raise InputError(f"mask: expected one of {', '.join(MASKS)} or a picture, got {text!r}")
    if not mask.any():
        raise InputError(f"mask: expected pixels to fill in, got none with {text!r}")
    return mask


def inpaint(
    model: DensityModel,
    pictures: np.ndarray,
    mask: np.ndarray,
    samples: int = 3,
    temperature: float = 1.0,
    seed: int = 0,
) -> tuple[np.ndarray, float]:
    """Completions `(B, samples, H, W, C)`, and bits per value of the originals' masked part.

    Args:
        pictures: `(B, H, W, C)` uint8.
        mask: `(H, W)` booleans, the pixels to fill in.

    Raises:
        InputError: not a model of images, or a mask that covers nothing.
    """
    if model.config.kind != "images":
        raise InputError(f"model: expected one of images, got one of {model.config.kind}")
    if samples < 1:
        raise InputError(f"samples: expected at least 1, got {samples}")
    if not mask.any():
        raise InputError("mask: expected pixels to fill in, got none")
    given = np.broadcast_to(~mask[None, :, :, None], pictures.shape)
    many, masks = pictures.repeat(samples, 0), given.repeat(samples, 0)
    filled = model.sample(many, masks, temperature, seed)
    log_prob = model.log_prob(pictures, given)
    count = mask.sum() * pictures.shape[3]
    bits = float(-log_prob.mean() / (math.log(2) * count))
    return filled.reshape(len(pictures), samples, *pictures.shape[1:]), bits


def expect_sheet(path: str | Path, scale: int) -> None:
    """Check the arguments of `sheet` before anything is computed for it.

    Raises:
        InputError: a path that is not a picture's, or a scale out of range.
    """
    if Path(path).suffix.lower() != ".png" or Path(path).is_dir():
        raise InputError(f"out: expected a picture to write, ending in .png, got {path}")
    if not 0 <= scale <= LARGEST:
        raise InputError(f"scale: expected 0 to {LARGEST}, got {scale}")


def sheet(
    path: str | Path,
    pictures: np.ndarray,
    mask: np.ndarray,
    completions: Sequence[tuple[str, np.ndarray]],
    scale: int = 0,
) -> Path:
    """Write a picture: per row an original, its masked version, and each model's completions.

    Raises:
        InputError: a path that is not a picture's, or a scale out of range.
    """
    expect_sheet(path, scale)
    height, width = mask.shape
    scale = scale or max(1, 64 // width)
    columns: list[tuple[str, np.ndarray]] = [("original", pictures)]
    hidden = np.broadcast_to(pictures, (*pictures.shape[:3], 3)).copy()
    hidden[:, mask] = _HIDDEN
    columns.append(("masked", hidden))
    for name, filled in completions:
        columns += [(name if i == 0 else "", filled[:, i]) for i in range(filled.shape[1])]
    cell = (width * scale + _GAP, height * scale + _GAP)
    size = (len(columns) * cell[0] + _GAP, len(pictures) * cell[1] + 16 + _GAP)
    canvas = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(canvas)
    for column, (name, images) in enumerate(columns):
        left = _GAP + column * cell[0]
        draw.text((left, 2), name, fill="black")
        for row, image in enumerate(images):
            pixels = np.broadcast_to(image, (height, width, 3))
            tile = Image.fromarray(np.ascontiguousarray(pixels.astype(np.uint8)))
            tile = tile.resize((width * scale, height * scale), Image.Resampling.NEAREST)
            canvas.paste(tile, (left, 16 + row * cell[1]))
    with atomic_path(path) as temporary:
        canvas.save(temporary, format="PNG", optimize=True)
    return Path(path)


def _require_size(name: Path, picture: np.ndarray, shape: Sequence[int], crop: bool) -> None:
    fits = picture.shape[0] >= shape[0] and picture.shape[1] >= shape[1]
    same = picture.shape[:2] == tuple(shape[:2])
    if picture.shape[2] != shape[2] or not (same or (crop and fits)):
        want, got = (f"{s[1]}×{s[0]} pixels of {s[2]} colours" for s in (shape, picture.shape))
        hint = "; --crop cuts its middle out" if fits and not crop else ""
        raise DataError(f"{name}: expected {want}, as the model has learnt, got {got}{hint}")


def _middle(picture: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    top, left = ((have - want) // 2 for have, want in zip(picture.shape[:2], shape, strict=False))
    return picture[top : top + shape[0], left : left + shape[1]]
