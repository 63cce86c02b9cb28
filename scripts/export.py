"""Export a policy to a file that runs without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mac_control.cli import run


@dataclass
class Args:
    """Write a policy that runs without torch, in ONNX Runtime; filling in is one call.

    Policies that draw at random (ibc, diffusion, mac with decoding=sample) or are stateful
    (windowed, intent, retrieval) cannot be exported.
    """

    policy: Path
    """Checkpoint folder."""
    out: Path
    """File that ends in .onnx, or folder for policy.onnx."""
    format: Literal["onnx"] = "onnx"
    """Format of the file."""
    decoding: Literal["mean", "mode"] | None = None
    """How mac fills in a dimension; None: as in its configuration."""
    order: Literal["natural", "certain"] | None = None
    """In which order mac fills in; None: as in its configuration."""


def main(args: Args) -> int | None:
    from mac_control.checkpoint import load_policy
    from mac_control.errors import InputError
    from mac_control.export import export_policy
    from mac_control.policies import LearnedPolicy

    policy = load_policy(args.policy)
    if not isinstance(policy, LearnedPolicy):
        raise InputError(f"policy: expected a checkpoint folder, got {args.policy}")
    print(export_policy(policy, args.out, args.decoding, args.order))


if __name__ == "__main__":
    run(main)
