"""Groups derived from the names of action dimensions: sides, arms, hands."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Words in names, also in joined ones: left_elbow, kLeftElbow, LElbow.
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SIDES = {"left": {"left", "l"}, "right": {"right", "r"}}
_PARTS = {
    "gripper": {"gripper", "jaw", "claw"},
    "hand": {"hand", "finger", "thumb", "index", "middle", "ring", "pinky", "little", "palm"},
    "arm": {"arm", "shoulder", "elbow", "wrist", "forearm"},
    "leg": {"leg", "hip", "knee", "ankle", "foot"},
    "torso": {"torso", "waist", "spine", "head", "neck"},
}


def named_groups(names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Groups of action dimensions derived from names: sides, arms, hands, grippers, legs.

    Example:
        >>> named_groups(["kLeftElbow", "kRightElbow", "kLeftHandIndex", "kRightHandIndex"])["arms"]
        (0, 1)
        >>> named_groups(["shoulder_pan.pos", "gripper.pos"])
        {'arm': (0,), 'gripper': (1,)}
    """
    found: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        words = {word.lower() for word in _WORD.findall(name)}
        side = next((s for s, known in _SIDES.items() if words & known), None)
        part = next((p for p, known in _PARTS.items() if words & known), None)
        if side and "waist" in words:  # the waist of an arm on a table
            part = "arm"
        both = [f"{side}_{part}", f"{part}s"] if side and part else []
        for group in [*both, side or part]:
            if group is not None:
                found.setdefault(group, []).append(i)
    groups: dict[str, tuple[int, ...]] = {}
    for group, dims in found.items():
        if len(dims) < len(names) and group not in names and tuple(dims) not in groups.values():
            groups[group] = tuple(dims)
    return groups
