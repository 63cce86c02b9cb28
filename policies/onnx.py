"""A policy exported to ONNX: the whole fill-in is one call of ONNX Runtime, without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.errors import CheckpointError, InputError
from mac_control.partial import PartialAction
from mac_control.policies.base import Policy
from mac_control.robot import Robot

#: What a file says it is, and the newest version that this code reads.
FORMAT, VERSION = "mac-control onnx", 1
#: Largest difference of an answer from torch's, in units of half the action box.
TOLERANCE = 1e-5


class OnnxPolicy(Policy):
    """What `mac-control export` wrote, ready to act on one core; torch is not imported.

    The file holds a few inputs with torch's answers; they are checked when it is opened, so that a
    damaged file, or a machine that computes something else, is detected before it drives.

    Args:
        path: the file, or the folder that holds `policy.onnx`.
        threads: processor threads.

    Raises:
        CheckpointError: nothing there, damaged, another kind of file, or of a newer version.
        InputError: ONNX Runtime is not installed.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self.path, self.threads = file_of(path), threads
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise CheckpointError(
                f"{self.path}: expected a policy in ONNX, got {error.strerror}; "
                "mac-control export writes one"
            ) from error
        runtime = _runtime()
        try:
            self._session = _session(runtime, content, threads)
            properties = self._session.get_modelmeta().custom_metadata_map
        except Exception as error:  # ONNX Runtime's exceptions share no other base
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise CheckpointError(
                f"{self.path}: expected ONNX, got other content: {reason}"
            ) from error
        #: The record of the checkpoint (kind, config, training, data, ...) and of the export.
        self.checkpoint = _record(self.path, properties)
        self.name: str = self.checkpoint["kind"]
        self.obs_dim = self.checkpoint["obs_dim"]
        self.low, self.high = (np.array(self.checkpoint[k], np.float32) for k in ("low", "high"))
        self.guessed_box = bool(self.checkpoint.get("guessed_box", False))
        if self.checkpoint.get("robot"):
            self.robot = Robot.from_json(self.checkpoint["robot"])
        self._answer_the_probe()

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        inputs = {"obs": obs, "values": partial.values, "given": partial.given}
        return self._session.run(["action"], inputs)[0]

    def __reduce__(self) -> tuple[Any, ...]:
        return OnnxPolicy, (self.path, self.threads)  # a session does not pickle

    def _answer_the_probe(self) -> None:
        probe = self.checkpoint["probe"]
        try:
            obs, values, action = (
                np.array(probe[name], np.float32) for name in ("obs", "values", "action")
            )
            found = self.complete(obs, PartialAction(values, np.array(probe["given"], bool)))
            error = difference(found, action, self.low, self.high).max()
        except Exception as problem:
            raise CheckpointError(
                f"{self.path}: expected a graph of obs, values and given, got another "
                f"({str(problem).splitlines()[0]})"
            ) from problem
        if not error <= 10 * TOLERANCE:  # a NaN is not
            raise CheckpointError(
                f"{self.path}: expected the answers that torch gave, got others by {error:.2g} of "
                "half the action box: the file is damaged, or this runtime computes otherwise"
            )


def file_of(path: str | Path) -> Path:
    """The file that `path` stands for: a file that ends in .onnx, or `policy.onnx` in a folder."""
    path = Path(path)
    return path if path.suffix == ".onnx" else path / "policy.onnx"


def difference(a: np.ndarray, b: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Largest difference in each row `(B,)` of actions `(B, D)`, in units of half the box."""
    return (np.abs(a - b) / ((high - low) / 2)).max(-1)


def answers(content: bytes, *inputs: np.ndarray) -> np.ndarray:
    """The actions `(B, D)` that a file of this content gives for `obs`, `values` and `given`."""
    named = dict(zip(("obs", "values", "given"), inputs, strict=True))
    return _session(_runtime(), content, 1).run(["action"], named)[0]


def _session(runtime: Any, content: bytes, threads: int) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # errors are raised
    # On the CPU: for one row, the transfer to a GPU takes more time than it saves.
    return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            "policy: expected the package onnxruntime for a policy in ONNX, got none; "
            "pip install onnxruntime"
        ) from error
    return onnxruntime


def _record(path: Path, properties: dict[str, str]) -> dict[str, Any]:
    if properties.get("format") != json.dumps(FORMAT):
        raise CheckpointError(f"{path}: expected ONNX that mac-control exported, got another")
    try:
        record = {name: json.loads(text) for name, text in properties.items()}
        missing = {"version", "kind", "obs_dim", "low", "high", "probe"} - record.keys()
    except ValueError as error:
        raise CheckpointError(f"{path}: expected JSON in its metadata, got {error}") from error
    if missing:
        raise CheckpointError(f"{path}: expected metadata {', '.join(sorted(missing))}, got none")
    if not isinstance(record["version"], int) or record["version"] > VERSION:
        raise CheckpointError(
            f"{path}: expected version {VERSION} or older, got {record['version']}; "
            "update mac-control?"
        )
    return record
