"""A small tanh MLP from an `.npz` file: for expert policies published as weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mac_control.arrays import npz_arrays
from mac_control.errors import CheckpointError, DataError
from mac_control.partial import PartialAction
from mac_control.policies.base import Policy

_NEEDED = ("w1", "b1", "w2", "b2", "w3", "b3")


class MLPPolicy(Policy):
    """Two hidden layers, as in the published experts of DAPG (Rajeswaran et al., RSS 2018):

        h0 = (obs - in_shift) / (in_scale + 1e-8),  h1 = tanh(W1 h0 + b1),  h2 = tanh(W2 h1 + b2)
        action = (W3 h2 + b3) out_scale + out_shift

    It cannot condition: given dimensions overwrite its own.

    Args:
        path: an `.npz` file with `w1 b1 w2 b2 w3 b3` and, if they differ from 0 and 1, `in_shift
            in_scale out_shift out_scale`.
        low, high: ends of the action box, alike in all dimensions.

    Raises:
        CheckpointError: no such file, not of this layout, or numbers that are not finite.
    """

    name = "mlp"

    def __init__(self, path: str | Path, low: float = -1.0, high: float = 1.0) -> None:
        try:
            arrays = npz_arrays(path, expected="an .npz of weights")
        except DataError as error:
            raise CheckpointError(str(error)) from error
        try:
            weights = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
        except ValueError as error:
            raise CheckpointError(f"{path}: expected an .npz of weights, got {error}") from error
        missing = [name for name in _NEEDED if name not in weights]
        if missing:
            raise CheckpointError(f"{path}: expected {', '.join(_NEEDED)}, got no {missing[0]}")
        self._w = weights
        try:
            self.obs_dim = int(weights["w1"].shape[1])
            size = int(weights["w3"].shape[0])
            answer = self._answer(np.zeros((1, self.obs_dim)))
        except (IndexError, ValueError) as error:
            raise CheckpointError(f"{path}: expected weights (out, in), got {error}") from error
        if answer.shape != (1, size) or not all(np.isfinite(w).all() for w in weights.values()):
            raise CheckpointError(f"{path}: expected finite weights of fitting shapes, got others")
        self.low, self.high = np.full(size, low, np.float32), np.full(size, high, np.float32)

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        return self._answer(obs)

    def _answer(self, obs: np.ndarray) -> np.ndarray:
        w = self._w
        x = (obs - w.get("in_shift", 0.0)) / (w.get("in_scale", 1.0) + 1e-8)
        for layer in ("1", "2"):
            x = np.tanh(x @ w[f"w{layer}"].T + w[f"b{layer}"])
        x = x @ w["w3"].T + w["b3"]
        return np.asarray(x * w.get("out_scale", 1.0) + w.get("out_shift", 0.0))
