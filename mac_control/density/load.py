"""Loads a trained density model."""

from __future__ import annotations

from pathlib import Path

import torch

from mac_control.checkpoint import from_json, read
from mac_control.density.config import DensityConfig
from mac_control.density.model import DensityModel
from mac_control.errors import CheckpointError
from mac_control.training.arithmetic import require_device


def load_density(path: str | Path, device: str = "cpu") -> DensityModel:
    """The density model of a folder that `mac-control density train --out` wrote.

    Raises:
        CheckpointError: nothing there, damaged, or of a newer version.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> model = DensityModel(DensityConfig("text", (8,), width=16, layers=1, heads=2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     loaded = load_density(model.save(folder))
        >>> bool(np.allclose(loaded.log_prob("a cab"), 5 * np.log(1 / 27), atol=2.0))
        True
    """
    path = Path(path)
    folder = path.parent if path.name == "density.json" else path
    if not (folder / "density.json").is_file():
        raise CheckpointError(
            f"{folder}: expected a density model (a folder with density.json), found none; "
            "'mac-control density train --out FOLDER' makes one"
        )
    record, tensors = read(folder, "density")
    try:
        config = from_json(DensityConfig, record["config"])
        limit = max(4096, sum(t.numel() for t in tensors.values()))
        if max(config.width, config.layers, config.components, config.bend, *config.shape) > limit:
            raise ValueError("a size beyond the weights")
        with torch.random.fork_rng(devices=[]):  # the weights drawn here are replaced
            model = DensityModel(config)
        for name, part in model.parts.items():
            own = {k: v for k, v in tensors.items() if k.startswith(f"{name}.")}
            part.load_state_dict({k[len(name) + 1 :]: v for k, v in own.items()})
            if not all(t.isfinite().all() for t in own.values() if t.is_floating_point()):
                raise ValueError("weights that are not finite")
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise CheckpointError(
            f"{folder}: expected the weights of its own configuration, got {str(error)[:300]}"
        ) from error
    model.checkpoint = record
    require_device(device)
    return model.to(device)
