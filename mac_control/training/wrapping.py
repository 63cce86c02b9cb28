"""Puts retrieval around a policy that is already trained."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch

from mac_control.checkpoint import load_policy, save_policy
from mac_control.demonstrations import Demonstrations
from mac_control.errors import CheckpointError, InputError
from mac_control.policies.retrieval import Retrieval


def wrap_saved(source: Path, demonstrations: Demonstrations, config: Any, out: Path) -> Path:
    """Save retrieval of `demonstrations` around the policy in `source`; returns `out`.

    Raises:
        CheckpointError: `out` holds anything else.
        InputError: `out` is the folder of `source`, or a policy that retrieval does not fit.
    """
    if out.resolve() == source.resolve():
        raise InputError(f"out: expected another folder than that of wrapped, got {out}")
    policy = load_policy(source)
    wrapper = Retrieval.wrap(policy, demonstrations, share=config.share, plans=config.plans)
    if out.exists() and any(not file.match("weights-*.safetensors") for file in out.iterdir()):
        if (out / "policy.json").exists() and _same(load_policy(out), wrapper):
            return out
        raise CheckpointError(
            f"{out}: expected an empty folder or this policy with retrieval around it, got another "
            "or other files; choose another folder (--out)"
        )
    training = policy.checkpoint["training"]
    return save_policy(out, wrapper, training=training, data=demonstrations.provenance)


def _same(one: Any, other: Retrieval) -> bool:
    if not isinstance(one, Retrieval):
        return False
    settings = [
        json.dumps([dataclasses.asdict(each.config), each.robot and each.robot.to_json()])
        for each in (one, other)
    ]
    weights = [each.state_dict() for each in (one, other)]
    return settings[0] == settings[1] and all(
        torch.equal(weights[0][name], value) for name, value in weights[1].items()
    )
