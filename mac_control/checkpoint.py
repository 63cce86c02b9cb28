"""Checkpoints: a folder with a JSON record and weights in safetensors.

The JSON is the commit point. Weights go to a file named after their content, then the JSON that
names it replaces the old one, then weights that nothing names are removed: whenever a process is
killed, the folder holds one complete checkpoint, the old one or the new one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import typing
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from mac_control.checkpoint_record import VERSION, checkpoint_path, read_whole, upgraded_record
from mac_control.disk import writing
from mac_control.errors import CheckpointError, InputError, first_line
from mac_control.files import atomic_path, locked, user_path, write_json
from mac_control.policies import LearnedPolicy, Policy, policy_class
from mac_control.policies.mlp import MLPPolicy
from mac_control.policies.onnx import OnnxPolicy
from mac_control.robot import Robot

#: Integers in a configuration are at most this, or the number of weights.
_SIZE = 4096


def save_policy(
    folder: str | Path,
    policy: LearnedPolicy,
    *,
    tensors: Mapping[str, Tensor] | None = None,
    training: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> Path:
    """Write a policy that :func:`load_policy` reads; returns the folder.

    Args:
        folder: target; an existing checkpoint is replaced.
        policy: what to save.
        tensors: another `state_dict` to save in place of the policy's own (such as an average).
        training: how it was trained (seed, steps); JSON values.
        data: what it was trained on (`Demonstrations.provenance`); JSON values.
    """
    record = {
        "kind": policy.name,
        "config": dataclasses.asdict(policy.config),
        "obs_dim": policy.obs_dim,
        "action_dim": policy.action_dim,
        "robot": policy.robot.to_json() if policy.robot is not None else None,
        "guessed_box": policy.guessed_box,
        "training": dict(training or {}),
        "data": dict(data or {}),
    }
    commit(folder, "policy", record, policy.state_dict() if tensors is None else tensors)
    return Path(folder)


def load_policy(path: str | Path, device: str = "cpu") -> Policy:
    """The policy of a checkpoint folder (or of the `policy.json` in it), ready to act.

    The record in `policy.json` is its attribute `checkpoint`. A file that ends in .onnx is an
    exported policy, one in .npz the weights of an :class:`mac_control.policies.mlp.MLPPolicy`;
    `"builtin"` is the kitchen's policy that ships with the package.

    Raises:
        CheckpointError: nothing there, a file that is damaged or of a newer version, an unknown
            policy, or weights that do not fit it.
        InputError: not a path, or a device that torch does not have.

    Example:
        >>> from mac_control.policies.bc import BC
        >>> import numpy as np, tempfile
        >>> policy = BC(BC.Config(width=8), np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     loaded = load_policy(save_policy(folder, policy))
        >>> bool((loaded.act(np.ones(3)) == policy.act(np.ones(3))).all())
        True
    """
    folder = checkpoint_path(path)
    if folder.suffix == ".onnx" and not folder.is_dir():
        return OnnxPolicy(folder)
    if folder.suffix == ".npz" and not folder.is_dir():
        return MLPPolicy(folder)
    record, tensors = upgraded(*read(folder, "policy"))
    kind = str(record.get("kind"))
    if ":" in kind:  # `module:Class`: a file must not choose what code runs
        raise CheckpointError(
            f"{folder}: expected the name of an installed policy, got {kind!r}; its package offers "
            "it in the entry-point group mac_control.policies"
        )
    try:
        cls = policy_class(kind)
    except InputError as error:
        raise CheckpointError(f"{folder}: {error}") from error
    policy = _built(folder, cls, record, tensors)
    expected = policy.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        have, want = (
            f"{tuple(t[name].shape)} {t[name].dtype}" if name in t else "nothing"
            for t in (tensors, expected)
        )
        if have != want:
            raise CheckpointError(f"{folder}: weight {name}: expected {want}, got {have}")
        if tensors[name].is_floating_point() and not tensors[name].isfinite().all():
            raise CheckpointError(f"{folder}: weight {name}: expected finite numbers")
    policy.load_state_dict(tensors)
    policy.checkpoint = record
    policy.guessed_box = bool(record.get("guessed_box", False))
    try:
        return policy.to(device).eval()
    except (RuntimeError, AssertionError, TypeError) as error:
        raise InputError(
            f"device: expected one that torch has here, such as cpu, got {device!r}: "
            f"{first_line(error)}"
        ) from error


def loaded_policy(source: str | Policy, role: str) -> Policy:
    """The policy of a checkpoint, loaded once per process and role; a policy is returned as it is.

    A checkpoint that was replaced is loaded again. Roles are kept apart because a stateful policy
    must not be its own operator.
    """
    if isinstance(source, Policy):
        return source
    path = user_path(source)
    file = path / "policy.json" if path.is_dir() else path
    return _loaded(source, role, file.stat().st_mtime_ns if file.exists() else 0)


@lru_cache(maxsize=8)
def _loaded(source: str, role: str, written: int) -> Policy:
    return load_policy(source)


def commit(
    folder: str | Path, stem: str, record: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write `stem.json` and the tensors it names, so that a kill at any moment is harmless."""
    folder = Path(folder)
    prefix = "weights" if stem == "policy" else stem
    content = safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    )
    digest = hashlib.sha256(content).hexdigest()
    file = folder / f"{prefix}-{digest[:8]}.safetensors"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):  # another process may write there, too
        with atomic_path(file) as temporary:
            temporary.write_bytes(content)
        head = {"format": f"mac-control {stem}", "version": VERSION}
        weights = {"weights": {"file": file.name, "sha256": digest}}
        write_json(folder / f"{stem}.json", {**head, **record, **weights})
        for other in folder.glob(f"{prefix}-*.safetensors"):
            if other != file:
                other.unlink(missing_ok=True)


def read(folder: str | Path, stem: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What :func:`commit` wrote: the record and the tensors.

    Raises:
        CheckpointError: missing, damaged, or of a newer version.
    """
    folder = Path(folder)
    record, content = read_whole(folder, stem)
    try:
        return record, safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        name = record["weights"]["file"]
        raise CheckpointError(f"{folder / name}: expected safetensors, got {error}") from error


def _built(
    folder: Path, cls: type[LearnedPolicy], record: dict[str, Any], tensors: dict[str, Tensor]
) -> LearnedPolicy:
    sizes = {"obs": record.get("obs_dim"), "action": record.get("action_dim")}
    parts = []
    for name in ("obs_mean", "obs_std", "action_low", "action_high"):
        want = (sizes[name.split("_")[0]],)
        got: object = tuple(tensors[name].shape) if name in tensors else "nothing"
        if got != want:
            raise CheckpointError(f"{folder}: weight {name}: expected shape {want}, got {got}")
        parts.append(tensors[name].numpy())
    limit = max(_SIZE, sum(tensor.numel() for tensor in tensors.values()))
    for name, value in _whole_numbers(record.get("config")):
        if abs(value) > limit:  # building it would take too long, or all memory
            raise CheckpointError(f"{folder}: {name}: expected at most {limit}, got {value}")
    try:
        config = from_json(cls.Config, record["config"])
        robot = Robot.from_json(record["robot"]) if record.get("robot") else None
        with torch.random.fork_rng(devices=[]):  # the weights drawn here are replaced
            mean, std, low, high = parts
            return cls(config, mean, std, low, high, robot)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        config = record.get("config")
        raise CheckpointError(
            f"{folder}: expected a configuration of {cls.name}, got {config} ({error})"
        ) from error


def upgraded(
    record: dict[str, Any], tensors: dict[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A policy's record and weights, from any earlier version, as this version writes them."""
    new = upgraded_record(record)
    if record.get("version") == 1 and new.get("kind") == "intent":
        tensors = {
            ("prior_network" + name.removeprefix("habit") if name.startswith("habit.") else name): t
            for name, t in tensors.items()
        }
    return new, tensors


def _whole_numbers(value: Any, name: str = "config") -> Iterator[tuple[str, int]]:
    if isinstance(value, int):
        yield name, value
    elif isinstance(value, (list, dict)):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in pairs:
            yield from _whole_numbers(part, f"{name}.{key}")


def from_json(cls: type, values: Mapping[str, Any]) -> Any:
    """A dataclass from the JSON of its `asdict`, with nested dataclasses and tuples restored."""
    hints = typing.get_type_hints(cls)
    restored = {}
    for name, value in values.items():
        hint = hints.get(name)
        if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
            value = from_json(typing.cast(type, hint), value)
        elif isinstance(value, list):
            value = tuple(value)
        restored[name] = value
    return cls(**restored)
