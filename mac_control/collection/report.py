"""Reports on augmented data: rewards, and how much of joint space the episodes cover."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mac_control.demonstrations import Demonstrations
from mac_control.demonstrations.summary import counted, draw_rewards
from mac_control.feedback import Feedback
from mac_control.figures import METHODS, new_figure
from mac_control.files import atomic_path

#: Edge length of the cells that count visited joint space [rad].
CELL = 0.2
# The default mode of torch.cdist loses small distances to cancellation.
EXACT = "donot_use_mm_for_euclid_dist"


def summarize(made: Demonstrations, source: Demonstrations) -> dict[str, Any]:
    """Rewards and coverage of `made`, beside the `source` it was made from; JSON values.

    `cells` counts the visited cubes of 0.2 rad in the space of the pose's joints. `distance_mean`
    and `distance_95` are the mean and the 95 % quantile of the distance from a step of `made` to
    the nearest step of the source [rad].
    """
    visited, known = poses(made), poses(source)
    distances = nearest(visited, known)
    deviations = np.abs(made.executed - made.actions)
    got = rewards(made)
    return {
        "episodes": len(made),
        "steps": sum(map(len, made)),
        "rewards": counted(got) if source.tasks else {},
        "reward_mean": float(np.mean(got)) if got else None,
        "cells": cells(visited),
        "cells_source": cells(known),
        "distance_mean": float(distances.mean()),
        "distance_95": float(np.quantile(distances, 0.95)),
        "deviation_mean": float(deviations.mean()),
    }


def rewards(demonstrations: Demonstrations) -> list[float]:
    """Sum of the rewards of each episode that has them."""
    return [float(e.rewards.sum()) for e in demonstrations if e.rewards is not None]


def poses(demonstrations: Demonstrations) -> np.ndarray:
    """The robot's pose at each step: observed positions `(N, J)`.

    Raises:
        InputError: an unknown robot, or one whose positions are not observed.
    """
    feedback = Feedback.of(demonstrations.robot, "report")
    return demonstrations.observations[:, feedback.entries[feedback.pose]]


def cells(poses: np.ndarray) -> int:
    """Number of cubes of joint space visited by poses `(N, J)`.

    Example:
        >>> cells(np.array([[0.05] * 7, [0.15] * 7, [0.25] * 7]))
        2
    """
    return len(np.unique(np.floor(poses / CELL).astype(int), axis=0))


def nearest(poses: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Distance of each pose `(N, J)` to the nearest of the source's, `(N,)` [rad]."""
    targets = torch.as_tensor(source)
    parts = torch.as_tensor(poses).split(4096)
    return torch.cat(
        [torch.cdist(part, targets, compute_mode=EXACT).amin(1) for part in parts]
    ).numpy()


def plot(made: Demonstrations, source: Demonstrations, path: str | Path) -> None:
    """Write a PNG: histograms of reward and distance to the source, and a plot of two joints."""
    figure = new_figure(7.5)
    panels = figure.subplot_mosaic([["rewards", "distance"], ["joints", "joints"]])
    draw_rewards(panels["rewards"], rewards(made), bool(source.tasks))
    panels["distance"].hist(nearest(poses(made), poses(source)), bins=50)
    panels["distance"].set(
        xlabel="distance [rad]", ylabel="steps", title="To the nearest step of the source"
    )
    colours = {"augmented": METHODS["mac"][1], "source": METHODS["bc"][1]}
    for data, size, label in ((made, 1, "augmented"), (source, 3, "source")):
        pose = poses(data)
        pair = (1, 3) if pose.shape[1] > 3 else (0, -1)
        panels["joints"].scatter(
            *pose[:, pair].T, s=size, label=label, rasterized=True, color=colours[label]
        )
    names = [f"joint {joint % pose.shape[1] + 1} [rad]" for joint in pair]
    panels["joints"].set(xlabel=names[0], ylabel=names[1], title="Where two joints were")
    panels["joints"].legend(markerscale=4)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)
