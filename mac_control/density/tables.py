"""Reads tables of real numbers, with the preprocessing of published benchmarks by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from mac_control.arrays import npz_arrays
from mac_control.density.table_csv import LARGEST, read_csv
from mac_control.errors import DataError

Splits = dict[str, np.ndarray]
_HAD = (
    "https://archive.ics.uci.edu (individual household power, gas sensor array under dynamic "
    "mixtures, HEPMASS, MiniBooNE) and https://zenodo.org/records/1161203 (all, preprocessed)"
)


def read_table(path: str | Path, preprocessing: str = "none", seed: int = 0) -> Splits:
    """Rows `(N, D)` float64 of each split: train, validation, test.

    Args:
        path: `.npy`, `.npz` (arrays `train`, `validation`, `test`, or one), `.csv`, `.txt` with
            numbers, `.hdf5`, or a folder with the files of a published benchmark.
        preprocessing: `none` (shuffled, 80, 10 and 10 per cent), or one of `PREPROCESSING`.
        seed: seed of the shuffle and of the noise that the benchmark adds.

    Raises:
        DataError: nothing to read there, or data that do not fit the preprocessing.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/a.npy", np.arange(60.0).reshape(20, 3))
        ...     {name: rows.shape for name, rows in read_table(f"{folder}/a.npy").items()}
        {'train': (16, 3), 'validation': (2, 3), 'test': (2, 3)}
    """
    path, rng = Path(path), np.random.default_rng(seed)
    if preprocessing != "none" and preprocessing not in PREPROCESSING:
        raise DataError(
            f"preprocessing: expected none, {', '.join(PREPROCESSING)}, got {preprocessing!r}"
        )
    if not path.exists():
        raise DataError(
            f"{path}: expected a table (.npy, .npz, .csv), found none; those of the published "
            f"benchmarks are had at {_HAD}"
        )
    splits = PREPROCESSING.get(preprocessing, _plain)(path, rng)
    width = splits["train"].shape[1]
    for name, rows in splits.items():
        if rows.shape[1] != width:
            raise DataError(
                f"{path}: expected {width} columns in {name}, as train has, got {rows.shape[1]}; "
                "give each split the same columns"
            )
        if not width or len(rows) < 2:
            raise DataError(
                f"{path}: expected at least 2 rows and 1 column in {name}, got {rows.shape}"
            )
    train = splits["train"].astype(np.float64)
    # The same but for what rounding leaves.
    if (same := np.flatnonzero(np.ptp(train, 0) <= 1e-12 * np.abs(train).max(0))).size:
        raise DataError(
            f"{path}: expected different numbers in column {same[0] + 1}, got {train[0, same[0]]} "
            "in each row of train; the density of a constant is infinite: drop the column"
        )
    return {name: np.ascontiguousarray(rows, np.float64) for name, rows in splits.items()}


def _plain(path: Path, rng: np.random.Generator) -> Splits:
    arrays = _arrays(path)
    names = {"val": "validation", "valid": "validation"}
    arrays = {names.get(k, k): v for k, v in arrays.items()}
    if set(arrays) >= {"train", "validation", "test"}:
        return {k: _table(path, k, arrays[k]) for k in ("train", "validation", "test")}
    return _split(path, rng.permutation(_one(path, arrays)))


def _power(path: Path, rng: np.random.Generator) -> Splits:
    """Without reactive power and intensity; uniform noise on rounded columns; standardised."""
    rows = _one(path)
    if rows.shape[1] != 8:
        raise DataError(f"{path}: expected the 8 columns of power, got {rows.shape[1]}")
    rows = rng.permutation(np.delete(rows, [1, 3], axis=1))  # power, voltage, 3 meters, time
    noise = np.array([0.001, 0.01, 1.0, 1.0, 1.0, 0.0])
    return _standardised(_split(path, rows + noise * rng.random(rows.shape)))


def _gas(path: Path, rng: np.random.Generator) -> Splits:
    """Without time and concentrations, nor columns that others predict (correlation > 0.98)."""
    rows = _one(path)
    if rows.shape[1] == 19:
        rows = rows[:, 3:]
    elif rows.shape[1] not in (8, 16):
        raise DataError(
            f"{path}: expected the 19 columns of gas, its 16 sensors, or the 8 columns that are "
            f"left of them, got {rows.shape[1]}; leave out --preprocessing for another table"
        )
    with np.errstate(divide="ignore", invalid="ignore"):  # a constant is refused later
        while (alike := (np.corrcoef(rows.T) > 0.98).sum(1)).max() > 1:
            rows = np.delete(rows, int(np.argmax(alike > 1)), axis=1)
    return _standardised(_split(path, rng.permutation(rows)))


def _hepmass(path: Path, rng: np.random.Generator) -> Splits:
    """Only signal, 1000 GeV, without columns in which a value is too frequent."""
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder with 1000_train.csv and 1000_test.csv")
    train, test = (_one(path / f"1000_{name}.csv") for name in ("train", "test"))
    if train.shape[1] < 28:
        raise DataError(f"{path}: expected the 28 columns of HEPMASS, got {train.shape[1]}")
    train, test = (rows[rows[:, 0] == 1, 1:] for rows in (train, test))
    test = test[:, : train.shape[1]]
    if len(train) < 20 or test.shape[1] != train.shape[1]:
        raise DataError(
            f"{path}: expected at least 20 rows of signal (1 in the first column) for training, "
            f"and as many columns for testing, got {train.shape} and {test.shape}"
        )
    often = [np.unique(column, return_counts=True)[1].max() > 5 for column in train.T]
    train, test = train[:, ~np.array(often)], test[:, ~np.array(often)]
    train = rng.permutation(train)
    held = len(train) // 10
    return _standardised({"train": train[:-held], "validation": train[-held:], "test": test})


def _miniboone(path: Path, rng: np.random.Generator) -> Splits:
    """Preprocessed as published; a random tenth for testing, a tenth of the rest for validation."""
    rows = _one(path)
    if rows.shape[1] != 43:
        raise DataError(f"{path}: expected the 43 columns of MINIBOONE, got {rows.shape[1]}")
    return _split(path, rng.permutation(rows))


def _bsds(path: Path, rng: np.random.Generator) -> Splits:
    """8 × 8 patches: noise of one grey level, the mean subtracted, the last pixel dropped."""
    arrays = _arrays(path)
    names = {"val": "validation", "train": "train", "test": "test", "validation": "validation"}
    splits = {}
    for name, rows in ((names[k], _table(path, k, v)) for k, v in arrays.items() if k in names):
        if rows.shape[1:] == (63,):  # the published file
            splits[name] = rows
            continue
        if rows.shape[1:] != (64,):
            raise DataError(f"{path}: expected patches (N, 64) in {name}, got {rows.shape}")
        pixels = (rows.astype(np.float64) + rng.random(rows.shape)) / 256
        splits[name] = (pixels - pixels.mean(1, keepdims=True))[:, :-1]
    if set(splits) != {"train", "validation", "test"}:
        raise DataError(f"{path}: expected train, val and test, got {_listed(arrays)}")
    return {name: splits[name] for name in ("train", "validation", "test")}


#: Name of a published benchmark -> its preprocessing (Papamakarios et al. 2017).
PREPROCESSING: dict[str, Callable[[Path, np.random.Generator], Splits]] = {
    "power": _power,
    "gas": _gas,
    "hepmass": _hepmass,
    "miniboone": _miniboone,
    "bsds": _bsds,
}


def _split(path: Path, rows: np.ndarray) -> Splits:
    """80 or 81, 10 or 9, and 10 per cent, as the published benchmarks are split."""
    test = max(2, len(rows) // 10)
    held = max(2, (len(rows) - test) // 10)
    if len(rows) < 10:
        raise DataError(f"{path}: expected at least 10 rows, got {len(rows)}")
    parts = np.split(rows, [len(rows) - test - held, len(rows) - test])
    return dict(zip(("train", "validation", "test"), parts, strict=True))


def _standardised(splits: Splits) -> Splits:
    seen = np.concatenate([splits["train"], splits["validation"]])
    mean, std = seen.mean(0), seen.std(0)
    std = np.where(std > 0, std, 1.0)
    return {name: (rows - mean) / std for name, rows in splits.items()}


def _one(path: Path, arrays: Splits | None = None) -> np.ndarray:
    arrays = _arrays(path) if arrays is None else arrays
    tables = {k: v for k, v in arrays.items() if _is_table(v)}
    if len(tables) != 1:
        raise DataError(
            f"{path}: expected one table of numbers (rows, columns), or the tables train, "
            f"validation and test, got {_listed(arrays)}"
        )
    return _table(path, *next(iter(tables.items())))


def _table(path: Path, name: str, rows: np.ndarray) -> np.ndarray:
    """The rows, if they are a table of finite numbers."""
    if not _is_table(rows):
        raise DataError(
            f"{path}: expected numbers (rows, columns) in {name}, got {rows.shape} {rows.dtype}"
        )
    if (wrong := np.argwhere(~(np.abs(rows.astype(np.float64)) <= LARGEST))).size:
        row, column = wrong[0].tolist()
        raise DataError(
            f"{path}: expected finite numbers of at most {LARGEST:g}, got {rows[row, column]} in "
            f"row {row + 1}, column {column + 1} of {name}; drop the row, or scale the column"
        )
    return rows


def _is_table(rows: np.ndarray) -> bool:
    return rows.dtype.kind in "uif" and rows.ndim == 2


def _listed(arrays: Splits) -> str:
    shown = [f"{name} {rows.shape} {rows.dtype}" for name, rows in arrays.items()]
    return ", ".join(shown) or "nothing"


def _arrays(path: Path) -> Splits:
    """The arrays of a file by name."""
    if not path.is_file():
        raise DataError(f"{path}: expected a file, found none; the tables are had at {_HAD}")
    ending = path.suffix.lower()
    if ending == ".npz":
        found = npz_arrays(path)
    elif ending == ".npy":
        try:
            found = {"rows": np.load(path, allow_pickle=False)}
        except (ValueError, EOFError, OSError) as error:
            raise DataError(f"{path}: expected a whole npy file, got {error}") from error
        if not isinstance(found["rows"], np.ndarray):
            raise DataError(f"{path}: expected a whole npy file, got an npz file; rename it")
    elif ending in (".hdf5", ".h5"):
        try:
            with h5py.File(path, "r") as file:
                found = {
                    k: np.asarray(v[()]) for k, v in file.items() if isinstance(v, h5py.Dataset)
                }
        except OSError as error:
            raise DataError(f"{path}: expected a whole HDF5 file, got {error}") from error
    else:
        found = {"rows": read_csv(path)}
    return found
