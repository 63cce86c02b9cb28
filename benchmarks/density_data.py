"""The tables of the density benchmark: standardised and split, with their queries."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mac_control.demonstrations.load import load_demonstrations
from mac_control.engine.masks import evidence_queries, marginal_queries
from mac_control.errors import DataError

#: Name -> what it is.
SETS = {
    "kitchen": "kitchen actions given the observation (9 dimensions, 30 observed)",
    "miniboone": "MINIBOONE, the first 1,523 rows (43 dimensions)",
    "bsds": "BSDS 8x8 patches (63 dimensions)",
}


@dataclass(frozen=True)
class Table:
    """Rows of `[obs, x]`, each column with mean 0 and standard deviation 1 on the training rows.

    `log_scale` [nats] converts a joint log-likelihood to the units of the data when added;
    `log_scales` `(D,)` are its parts.
    """

    name: str
    obs_dim: int
    train: Tensor
    val: Tensor
    test: Tensor
    log_scales: Tensor

    @property
    def dim(self) -> int:
        """Number of variables, D."""
        return self.train.shape[1] - self.obs_dim

    def parts(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """The variables, and the observation or None."""
        return rows[:, self.obs_dim :], rows[:, : self.obs_dim] if self.obs_dim else None

    def queries(self, rows: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """Masks (given, query) of each row, the same for every method."""
        generator = torch.Generator().manual_seed(0)
        every = torch.ones(len(rows), self.dim, dtype=torch.bool)
        return {
            "joint": (~every, every),
            "marginal": marginal_queries(len(rows), self.dim, generator),
            "conditional": evidence_queries(len(rows), self.dim, generator),
        }


def read_table(
    name: str,
    folder: str | None = None,
    max_test: int = 2000,
    noise: float = 0.02,
    split: str = "episodes",
) -> Table:
    """One of `SETS`, from the folder of data sets (default: environment variable MAC_CONTROL_DATA).

    The kitchen's actions carry uniform `noise`; whole `episodes` of it are held out, or `rows`.

    Raises:
        DataError: the folder or a file is not there.
    """
    folder = folder or os.environ.get("MAC_CONTROL_DATA")
    if not folder or not Path(folder).is_dir():
        raise DataError(
            f"data: expected a folder with the data sets (or MAC_CONTROL_DATA), got {folder}"
        )
    rng = np.random.default_rng(0)
    read, file = _READERS[name]
    if not (Path(folder) / file).is_file():
        raise DataError(f"data: expected the file {file} in {folder}, found none")
    options = {"noise": noise, "split": split} if name == "kitchen" else {}
    obs_dim, *parts = read(Path(folder) / file, rng, **options)
    parts[2] = parts[2][rng.permutation(len(parts[2]))[:max_test]]
    mean, std = parts[0].mean(0), parts[0].std(0)
    std = np.where(std > 1e-6, std, 1.0)
    train, val, test = (torch.tensor((p - mean) / std, dtype=torch.float32) for p in parts)
    return Table(name, obs_dim, train, val, test, torch.tensor(-np.log(std[obs_dim:])).float())


def _kitchen(file: Path, rng: np.random.Generator, noise: float, split: str) -> tuple[Any, ...]:
    demonstrations = load_demonstrations(file)
    # Whole episodes are held out. Many actions repeat exactly (the ends of the box): uniform
    # noise keeps every density bounded.
    order = rng.permutation(len(demonstrations))
    parts = []
    for chosen in (order[:13], order[13:15], order[15:]):
        part = demonstrations.select(sorted(chosen))
        actions = part.actions + rng.uniform(-noise, noise, part.actions.shape)
        parts.append(np.concatenate([part.observations, actions], 1))
    if split == "rows":  # the same counts, but rows are drawn from all episodes
        cuts = np.cumsum([len(part) for part in parts])[:-1]
        parts = np.split(rng.permutation(np.concatenate(parts)), cuts)
    return demonstrations.obs_dim, *parts


def _miniboone(file: Path, rng: np.random.Generator) -> tuple[Any, ...]:
    rows = np.load(file, allow_pickle=False)
    rows = rows[rng.permutation(len(rows))]
    return 0, rows[:1100], rows[1100:1300], rows[1300:]


def _bsds(path: Path, rng: np.random.Generator) -> tuple[Any, ...]:
    with np.load(path, allow_pickle=False) as file:
        parts = []
        for key, count in (("train", None), ("val", 1000), ("test", None)):
            pixels = file[key].astype(np.float64)
            pixels = pixels[rng.permutation(len(pixels))[:count]]
            pixels = (pixels + rng.uniform(size=pixels.shape)) / 256
            parts.append((pixels - pixels.mean(1, keepdims=True))[:, :-1])
    return 0, *parts


_READERS = {
    "kitchen": (_kitchen, "mini_kitchen_microwave_kettle_light_slider-v0.hdf5"),
    "miniboone": (_miniboone, "miniboone_first1523.npy"),
    "bsds": (_bsds, "bsds300_patches.npz"),
}
