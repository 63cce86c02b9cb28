"""The record of a checkpoint folder, read without torch, which takes a second to import."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mac_control.errors import CheckpointError, InputError
from mac_control.files import user_path
from mac_control.policies import FORMER_NAMES

#: Increased when older code can no longer read a checkpoint: 2 has a robot.
VERSION = 2
#: Name of the policy that ships with the package, for the kitchen.
BUILTIN = "builtin"


def builtin_policy() -> Path:
    """The folder of the kitchen's policy that ships with the package.

    Raises:
        CheckpointError: this installation lacks it.
    """
    folder = Path(__file__).parent / "pretrained" / "kitchen"
    if not (folder / "policy.json").is_file():
        raise CheckpointError(
            f"{BUILTIN}: expected the kitchen's policy in {folder}, got none; 'mac-control demo' "
            "trains one: give its folder, or --policy none to hold still where nobody drives"
        )
    return folder


def checkpoint_path(source: str | Path) -> Path:
    """The path of a policy: the folder of a checkpoint, or a file that ends in .onnx or .npz.

    Raises:
        CheckpointError: it is the kitchen's, and this installation lacks it.
        InputError: not a path.

    Example:
        >>> str(checkpoint_path("runs/mac/policy.json")), checkpoint_path(BUILTIN).name
        ('runs/mac', 'kitchen')
    """
    if not isinstance(source, str | Path):
        raise InputError(f"policy: expected the path of a checkpoint, got {source!r:.100}")
    path = builtin_policy() if str(source) == BUILTIN else user_path(source)
    return path.parent if path.name == "policy.json" else path


def checkpoints_in(folder: Path, stem: str = "policy") -> list[Path]:
    """The records of the checkpoints side by side in a folder: seed-2 before seed-10."""
    return sorted(
        folder.glob(f"*/{stem}.json"), key=lambda file: (len(file.parent.name), file.parent.name)
    )


def policy_record(folder: Path) -> dict[str, Any]:
    """The record of a policy as this version writes it, after its weights are checked.

    Raises:
        CheckpointError: missing, damaged or of a newer version, or without a kind or a size.

    Example:
        >>> record = policy_record(builtin_policy())
        >>> record["kind"], record["obs_dim"], record["action_dim"]
        ('mac', 30, 9)
    """
    record, _ = read_whole(folder, "policy")
    record = upgraded_record(record)
    if not isinstance(record.get("kind"), str):
        raise CheckpointError(
            f"{folder}: expected the name of a policy, got {record.get('kind')!r}"
        )
    for size in ("obs_dim", "action_dim"):
        if type(record.get(size)) is not int or record[size] < 1:
            raise CheckpointError(
                f"{folder}: {size}: expected a whole number from 1 on, got {record.get(size)!r}"
            )
    return record


def weights_digest(source: str) -> str:
    """SHA-256 of the weights of a policy: a checkpoint, an exported policy, or an MLP's file.

    Raises:
        CheckpointError: as :func:`policy_record`.

    Example:
        >>> weights_digest("builtin") == policy_record(builtin_policy())["weights"]["sha256"]
        True
    """
    path = checkpoint_path(source)
    if path.suffix in (".onnx", ".npz") and path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return str(policy_record(path)["weights"]["sha256"])


def acting_config(record: Mapping[str, Any]) -> Any:
    """The configuration in a record, as far as it determines actions: not where a teacher lies.

    For a policy that tracks stored plans it includes the robot, whose gains it tracks with.

    Example:
        >>> acting_config({"config": {"jumps": 4, "teacher": "runs/diffusion"}})
        {'jumps': 4}
    """
    config = _without(record.get("config"), "teacher")
    if record.get("kind") == "retrieval" and isinstance(config, dict):
        return {**config, "robot": record.get("robot")}
    return config


def policy_digest(source: str) -> str:
    """SHA-256 of what determines a policy's actions: its weights and its configuration.

    Raises:
        CheckpointError: as :func:`policy_record`.
    """
    path = checkpoint_path(source)
    if path.suffix in (".onnx", ".npz") and path.is_file():
        return weights_digest(source)
    record = policy_record(path)
    parts = [record["weights"]["sha256"], acting_config(record)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_whole(folder: Path, stem: str) -> tuple[dict[str, Any], bytes]:
    """A record, and the content of the weights file that it names.

    Raises:
        CheckpointError: missing, damaged, or of a newer version.
    """
    for attempt in range(3):
        record = _record(folder, stem)
        try:
            return record, _content(folder, record)
        except FileNotFoundError as error:  # a training run has just replaced it: read again
            if attempt == 2:
                raise CheckpointError(
                    f"{folder}: expected the weights {error.filename}, got no such file"
                ) from error
    raise AssertionError


def _record(folder: Path, stem: str) -> dict[str, Any]:
    file = folder / f"{stem}.json"
    try:
        record = json.loads(file.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError) as error:
        if inner := [file.parent for file in checkpoints_in(folder, stem)]:
            raise CheckpointError(
                f"{folder}: expected one checkpoint, got a folder of {len(inner)}; name one of "
                f"them, such as {inner[0]}"
            ) from error
        raise CheckpointError(
            f"{folder}: expected a checkpoint folder with {file.name}, got none; "
            "'mac-control train --out FOLDER' makes one"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{file}: expected JSON, got something else ({error})") from error
    want = f"mac-control {stem}"
    if not isinstance(record, dict) or record.get("format") != want:
        raise CheckpointError(f"{file}: expected the format {want!r}, got another")
    version = record.get("version")
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise CheckpointError(
            f"{file}: expected version {VERSION} or older, got {version}; update mac-control?"
        )
    return record


def _content(folder: Path, record: dict[str, Any]) -> bytes:
    try:
        name, digest = record["weights"]["file"], record["weights"]["sha256"]
        content = (folder / Path(name).name).read_bytes()  # never outside the folder
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{folder}: expected the name of a weights file, got none") from error
    got = hashlib.sha256(content).hexdigest()
    if got != digest:
        raise CheckpointError(
            f"{folder / name}: expected sha256 {str(digest)[:8]}…, got {got[:8]}…: the file is "
            "damaged; restore a copy, or train in another folder"
        )
    return content


#: Policy -> field of its configuration in version 1 -> the field's name now.
_FORMER_FIELDS = {
    "mac": {"rule": "mask_distribution", "gives": "num_given", "fill": "decoding"},
    "intent": {
        "habit": "prior",
        "change": "transition_prob",
        "trust": "likelihood_weight",
        "lead": "switch_margin",
    },
    "windowed": {
        "history": "n_obs_steps",
        "chunk": "chunk_size",
        "ensemble": "temporal_ensemble_coeff",
    },
}


def upgraded_record(record: dict[str, Any]) -> dict[str, Any]:
    """A policy's record, from any earlier version, as this version writes it."""
    config = record.get("config")
    if not isinstance(config, dict):
        return record
    config = _without(config, "obs_noise")  # it was MAC's, and became training's
    if record.get("version") != 1:
        return {**record, "config": config}
    kind = FORMER_NAMES.get(str(record.get("kind")), record.get("kind"))
    config = _renamed(str(kind), config)
    if isinstance(config.get("options"), dict):
        config["options"] = _renamed(str(config.get("policy")), config["options"])
    if kind == "bc":
        config = {"raw": True, **config}
    if config.get("policy") == "bc":
        config["options"] = {"raw": True, **config.get("options", {})}
    from mac_control.envs.kitchen.data import describe_version_1

    return describe_version_1({**record, "kind": kind, "config": config})


def _without(config: Any, field: str) -> Any:
    """The configuration without a field, which the wrapped policy's lacks too."""
    if not isinstance(config, dict):
        return config
    kept = {name: value for name, value in config.items() if name != field}
    if "options" in kept:
        kept["options"] = _without(kept["options"], field)
    return kept


def _renamed(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    names = _FORMER_FIELDS.get(kind, {})
    return {names.get(name, name): value for name, value in config.items()}
