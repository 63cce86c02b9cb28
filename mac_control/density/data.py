"""The rows that a density model learns from and is rated on, of any kind of data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mac_control.density.images import read_images
from mac_control.density.tables import read_table
from mac_control.density.text import read_text
from mac_control.errors import DataError, InputError

_CROPS = 7  # seed of the crops that models are rated on


@dataclass(frozen=True)
class Data:
    """Splits of one kind of data; rows are random windows of text, random crops of images.

    Args:
        kind: `text`, `images` or `tables`.
        shape: shape of a row.
        train: text `(N,)`, images `(N, H, W, C)` uint8, tables `(N, D)`.
        validation, test: likewise.
    """

    kind: str
    shape: tuple[int, ...]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def draw(self, count: int, generator: torch.Generator) -> np.ndarray:
        """Random training rows, `(count, ...)`; text as symbols."""

        def integers(high: int) -> np.ndarray:
            return np.asarray(torch.randint(high, (count,), generator=generator))

        if self.kind == "tables":
            return np.asarray(self.train[integers(len(self.train))])
        if self.kind == "text":
            starts = integers(len(self.train) - self.shape[0] + 1)
            return np.asarray(self.train[starts[:, None] + np.arange(self.shape[0])])
        high = [n - s + 1 for n, s in zip(self.train.shape[1:3], self.shape[:2], strict=True)]
        return self._crop(self.train, integers(len(self.train)), *map(integers, high))

    def rows(self, split: str, most: int | None = None) -> np.ndarray:
        """Fixed rows of `validation` or `test` to rate on, spread over the split."""
        source: np.ndarray = getattr(self, split)
        if self.kind == "text":
            count = len(source) // self.shape[0]
            windows = source[: count * self.shape[0]].reshape(count, -1)
            return np.asarray(windows[_spread(count, most)])
        chosen = _spread(len(source), most)
        if self.kind == "tables":
            return np.asarray(source[chosen])
        high = [n - s + 1 for n, s in zip(source.shape[1:3], self.shape[:2], strict=True)]
        rng = np.random.default_rng(_CROPS)
        y, x = (rng.integers(h, size=len(source))[chosen] for h in high)
        return self._crop(source, chosen, y, x)

    def digest(self) -> str:
        """Checksum of all data that are learnt from and rated on."""
        found = hashlib.sha256(repr((self.kind, self.shape)).encode())
        for part in (self.train, self.validation, self.test):
            found.update(np.ascontiguousarray(part).tobytes())
        return found.hexdigest()

    def _crop(
        self, images: np.ndarray, index: np.ndarray, y: np.ndarray, x: np.ndarray
    ) -> np.ndarray:
        down = y[:, None, None] + np.arange(self.shape[0])[:, None]
        across = x[:, None, None] + np.arange(self.shape[1])
        return np.asarray(images[index[:, None, None], down, across])


def load_data(
    path: str | Path,
    kind: str = "auto",
    size: int | None = None,
    preprocessing: str = "none",
    cleaned: bool = False,
) -> Data:
    """Read data for density models.

    Args:
        path: file or folder; see `read_text`, `read_images`, `read_table`.
        kind: `text`, `images`, `tables`, or `auto`: by the names of the files.
        size: characters in a window (default 250), or pixels on each side of a crop (default: the
            whole image).
        preprocessing: preprocessing of tables, by the name of a published benchmark.
        cleaned: convert text to text8's alphabet.

    Raises:
        DataError: nothing to read there, damaged, or splits that are empty or of different shapes.
        InputError: a size that does not fit the data.
    """
    path = Path(path)
    if kind == "auto":
        kind = "tables" if preprocessing != "none" else guess_kind(path)
    if size is not None and size < 1:
        raise InputError(f"size: expected at least 1, got {size}")
    if kind == "text":
        length = size or 250
        splits = read_text(path, cleaned)
        name, part = min(splits.items(), key=lambda split: len(split[1]))
        if not len(part):
            raise DataError(
                f"{path}: expected characters in {name}, got none; a text is split from 20 on"
            )
        if len(part) < length:
            raise InputError(
                f"size: expected at most {len(part)}, the characters in {name} of {path}, "
                f"got {length}; choose a smaller size, or give more text"
            )
        return Data(kind, (length,), *splits.values())
    if kind == "tables":
        splits = read_table(path, preprocessing)
        return Data(kind, splits["train"].shape[1:], *splits.values())
    if kind != "images":
        raise InputError(f"kind: expected auto, text, images or tables, got {kind!r}")
    splits = _images(path)
    height, width, colours = splits["train"].shape[1:]
    if size is not None and size > min(height, width):
        raise InputError(f"size: expected at most {min(height, width)} pixels, got {size}")
    shape = (size or height, size or width, colours)
    return Data(kind, shape, *splits.values())


def _images(path: Path) -> dict[str, np.ndarray]:
    """Images of each split, checked to be of one shape and not empty."""
    splits = read_images(path)
    shape = splits["train"].shape[1:]
    for name, images in splits.items():
        if not images.size:
            raise DataError(
                f"{path}: expected images in {name}, got {images.shape}; add some: "
                "each split needs at least one"
            )
        if images.shape[1:] != shape:
            raise DataError(
                f"{path}: expected images {shape} in {name}, as train has, "
                f"got {images.shape[1:]}; give each split the same shape"
            )
    return splits


def guess_kind(path: Path) -> str:
    """The kind of data (text, images or tables), by the names of the files.

    Raises:
        DataError: nothing there, or nothing of a known kind.
    """
    if not path.exists():
        raise DataError(f"{path}: expected a file or folder with data, found none")
    if path.is_dir():
        names = {p.suffix.lower() for p in path.rglob("*") if p.is_file()}
        if ".png" in names or any(path.rglob("data_batch_*")) or any(path.glob("*data*.npz")):
            return "images"
        if ".txt" in names:
            return "text"
    elif path.suffix.lower() in (".txt", ".zip"):
        return "text"
    elif path.suffix.lower() in (".npy", ".csv", ".hdf5", ".h5"):
        return "tables"
    elif path.suffix.lower() == ".npz":
        try:
            with np.load(path, allow_pickle=False) as file:
                images = any(file[k].dtype == np.uint8 and file[k].ndim == 4 for k in file.files)
        except Exception:  # reported when it is read
            images = False
        return "images" if images else "tables"
    raise DataError(
        f"{path}: expected text (.txt, .zip), images (.png, .npz) or a table (.npy, .npz, .csv); "
        "--kind says which it is"
    )


def _spread(count: int, most: int | None) -> np.ndarray:
    if most is None or most >= count:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(int)
