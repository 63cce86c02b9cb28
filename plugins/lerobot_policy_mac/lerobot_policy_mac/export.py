"""`lerobot-mac-export CHECKPOINT FOLDER`: a policy that LeRobot trained, for mac-control."""

from __future__ import annotations

import sys
from pathlib import Path

from mac_control.checkpoint import save_policy

from .modeling_mac import MacPolicy


def export(checkpoint: str | Path, folder: str | Path) -> Path:
    """Write the policy of a LeRobot checkpoint for mac-control's commands."""
    policy = MacPolicy.from_pretrained(checkpoint)
    policy._box()
    return save_policy(folder, policy.inner)


def main() -> None:
    """The command."""
    if len(sys.argv) != 3:
        sys.exit("usage: lerobot-mac-export CHECKPOINT FOLDER")
    print(export(*sys.argv[1:]))
