"""Reads images: CIFAR-10's Python batches, ImageNet32's and other npz files, folders of PNGs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from mac_control.arrays import npz_arrays
from mac_control.density.pickles import read_arrays
from mac_control.errors import DataError

_CIFAR = "https://www.cs.toronto.edu/~kriz/cifar.html (CIFAR-10 python version)"
_IMAGENET = "https://image-net.org/download-images.php (downsampled, 32x32, npz)"


def read_images(path: str | Path) -> dict[str, np.ndarray]:
    """Images `(N, H, W, C)` uint8 of each split: train, validation, test.

    CIFAR-10: the folder `cifar-10-batches-py`, its last 5,000 training images for validation.
    ImageNet32: a folder with `train_data_batch_*.npz` and `val_data.npz`. An npz file: its arrays
    `train`, `validation`, `test`, or one array. A folder of PNG files of one size. Data without
    splits are shuffled and split into 90, 5 and 5 per cent.

    Raises:
        DataError: nothing to read there, a damaged file, or images of different sizes.
    """
    path = Path(path)
    if path.is_file() and path.suffix == ".npz":
        return _npz(path)
    if not path.is_dir():
        raise DataError(
            f"{path}: expected a folder of PNG files, cifar-10-batches-py, ImageNet32's folder or "
            f"an npz file, found none; CIFAR-10 is had at {_CIFAR}, ImageNet32 at {_IMAGENET}"
        )
    if (path / "cifar-10-batches-py").is_dir():
        path = path / "cifar-10-batches-py"
    if any(path.glob("data_batch_?")) or (path / "test_batch").exists():
        return _cifar(path)
    if batches := sorted(path.glob("*train_data_batch_*.npz"), key=lambda p: (len(p.name), p)):
        return _imagenet(path, batches)
    return split(read_folder(path), path)


def read_folder(path: Path) -> np.ndarray:
    """All PNG files below a folder, sorted by name, `(N, H, W, C)`."""
    files = sorted(png_files(path))
    if not files:
        raise DataError(f"{path}: expected PNG files in the folder, found none")
    images = [read_image(file) for file in files]
    if len({image.shape[2] for image in images}) > 1:  # some are grey, others in colour
        images = [image.repeat(3 // image.shape[2], 2) for image in images]
    first = images[0]
    for file, image in zip(files, images, strict=True):
        if image.shape != first.shape:
            want, got = ("×".join(map(str, i.shape[1::-1])) for i in (first, image))
            raise DataError(f"{file}: expected {want} pixels as {files[0].name} has, got {got}")
    return np.stack(images)


def png_files(folder: Path) -> list[Path]:
    """The PNG files below a folder."""
    return [p for p in folder.rglob("*") if p.suffix.lower() == ".png" and p.is_file()]


def read_image(path: str | Path, colours: int | None = None) -> np.ndarray:
    """One picture `(H, W, C)` uint8: C is 1 for grey, else 3; transparency becomes white.

    Raises:
        DataError: no such file, or not a picture.
    """
    try:
        with Image.open(path) as picture:
            if picture.mode.startswith(("I", "F")):
                raise DataError(
                    f"{path}: expected 8 bits a colour, got more (mode {picture.mode}); save it "
                    "with 8"
                )
            if colours is None:
                colours = 1 if picture.mode in ("1", "L") else 3
            seen: Image.Image = picture
            if picture.mode in ("LA", "RGBA", "P"):
                white = Image.new("RGBA", picture.size, "white")
                seen = Image.alpha_composite(white, picture.convert("RGBA"))
            pixels = np.asarray(seen.convert("L" if colours == 1 else "RGB"))
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path}: expected a picture, found none") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: expected a whole picture, got {str(error)[:100]}") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: expected a picture of a usual size, got {error}") from error
    return pixels.reshape(*pixels.shape[:2], colours)


def split(images: np.ndarray, path: Path) -> dict[str, np.ndarray]:
    """90, 5 and 5 per cent of the images, shuffled; at least one in each split.

    Raises:
        DataError: fewer than three images.
    """
    if len(images) < 3:
        raise DataError(f"{path}: images: expected at least 3, got {len(images)}")
    images = images[np.random.default_rng(0).permutation(len(images))]
    part = max(1, len(images) // 20)
    parts = np.split(images, [len(images) - 2 * part, len(images) - part])
    return dict(zip(("train", "validation", "test"), parts, strict=True))


def _npz(path: Path) -> dict[str, np.ndarray]:
    arrays = npz_arrays(path)
    names = {"val": "validation", "valid": "validation", "data": "train", "images": "train"}
    found = {names.get(k, k): _pixels(v, f"{path}, {k}") for k, v in arrays.items() if v.ndim > 1}
    if set(found) >= {"train", "validation", "test"}:
        return {k: found[k] for k in ("train", "validation", "test")}
    if len(found) == 1:
        return split(next(iter(found.values())), path)
    raise DataError(
        f"{path}: expected the arrays train, validation and test, or one array, "
        f"got {', '.join(arrays) or 'nothing'}"
    )


def _imagenet(folder: Path, batches: list[Path]) -> dict[str, np.ndarray]:
    test = next(folder.glob("*val_data*.npz"), None)
    if test is None:
        raise DataError(
            f"{folder}: expected val_data.npz too, found none; it is had at {_IMAGENET}"
        )
    train = np.concatenate([_rows(npz_arrays(b).get("data"), b) for b in batches])
    held = max(1, min(10_000, len(train) // 20))
    return {
        "train": train[:-held],
        "validation": train[-held:],
        "test": _rows(npz_arrays(test).get("data"), test),
    }


def _cifar(folder: Path) -> dict[str, np.ndarray]:
    parts = []
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        file = folder / name
        if not file.is_file():
            raise DataError(f"{file}: expected it beside the others, found none; {_CIFAR} has it")
        record = read_arrays(file.read_bytes(), str(file))
        if not isinstance(record, dict):
            raise DataError(f"{file}: expected a dictionary with data, got {type(record).__name__}")
        parts.append(_rows(record.get(b"data", record.get("data")), file))
    train = np.concatenate(parts[:5])
    held = len(train) // 10
    return {"train": train[:-held], "validation": train[-held:], "test": parts[5]}


def _rows(rows: object, file: Path) -> np.ndarray:
    """Images from rows `(N, 3072)`, one colour after the other."""
    if not isinstance(rows, np.ndarray) or rows.dtype != np.uint8 or rows.shape[1:] != (3072,):
        got = f"{rows.shape} {rows.dtype}" if isinstance(rows, np.ndarray) else "none"
        raise DataError(f"{file}: expected data (N, 3072) uint8, got {got}")
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def _pixels(images: np.ndarray, name: str) -> np.ndarray:
    if images.ndim == 2 and images.shape[1] == 3072:
        return _rows(images, Path(name))
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise DataError(
            f"{name}: expected images (N, H, W, 1 or 3) uint8, got {images.shape} {images.dtype}"
        )
    return images
