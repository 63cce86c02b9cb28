"""Small training runs that several tests look at."""

import csv
import json

import numpy as np
import torch

from mac_control.checkpoint import read
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.policies.bc import BCConfig
from mac_control.training import TrainConfig, train

SMALL = BCConfig(width=16, depth=1)


def demonstrations(episodes=6, steps=50, noise=0.0):
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(episodes, steps, 4))
    weights = rng.normal(size=(4, 3)) / 4
    actions = np.tanh(observations @ weights + noise * rng.normal(size=(episodes, steps, 3)))
    return Demonstrations([Episode(*pair) for pair in zip(observations, actions, strict=True)])


def fit(out, data=None, seeds=(0,), score=None, wandb=None, start=None, **options):
    options = {"steps": 60, "batch_size": 32, "warmup": 5, "save_seconds": 1e9, **options}
    data = demonstrations() if data is None else data
    return train(
        "bc",
        data,
        out,
        seeds=seeds,
        policy_config=SMALL if start is None else None,
        config=TrainConfig(**options),
        score=score,
        progress=False,
        wandb=wandb,
        start=start,
    )


def weights(folder):
    return read(folder, "policy")[1]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def step(folder):
    file = folder / "training.json"
    return json.loads(file.read_text())["step"] if file.exists() else 0


def rows(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))
