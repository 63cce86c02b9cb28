"""Captions of a video: who drives each dimension, and which subtasks are done."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from mac_control.errors import InputError

#: Colours of the operator's and the policy's dimensions (Okabe and Ito's, colour-blind safe).
OPERATOR, POLICY = (230, 159, 0), (86, 180, 233)
_BACKGROUND, _TEXT, _FAINT = (24, 26, 32), (240, 240, 240), (120, 124, 132)


def captioned(
    picture: np.ndarray,
    labels: Sequence[str],
    given: np.ndarray,
    action: np.ndarray,
    subtasks: Sequence[str] = (),
    done: Sequence[str] = (),
) -> np.ndarray:
    """A picture `(H, W, 3)` with a panel below it, `(H + P, W, 3)`.

    Each dimension has a bar for its action, in the operator's colour where it is given; subtasks
    have a tick once they are done.

    Args:
        picture: uint8.
        labels: of the dimensions, `D` names.
        given: `(D,)` boolean.
        action: `(D,)` in [-1, 1] of the action box.
        subtasks, done: names of all subtasks, and of those done.

    Raises:
        InputError: Pillow is not installed.
    """
    image_type, draw_type = _pillow()
    width = picture.shape[1]
    unit = max(9, width // 48)
    columns = min(3, max(1, width // (13 * unit)))
    rows = -(-len(labels) // columns)
    head, line = 2 * unit, int(1.7 * unit)
    extra = line if subtasks else 0
    panel = image_type.new("RGB", (width, head + rows * line + extra + unit), _BACKGROUND)
    draw, font = draw_type.Draw(panel), _font(unit)
    names = [label for label, mine in zip(labels, given, strict=True) if mine]
    who = f"operator: {', '.join(names)}" if names else "operator: nothing"
    draw.text((unit, unit // 2), who, fill=OPERATOR if names else _FAINT, font=font)
    text = "policy: the rest" if names else "policy: everything"
    draw.text((width - unit, unit // 2), text, fill=POLICY, font=font, anchor="ra")
    cell = (width - 2 * unit) // columns
    longest = max(draw.textlength(label, font=font) for label in labels)
    bar = int(min(max(0.55 * cell, longest + unit), 0.8 * cell))  # where bars begin
    for dim, label in enumerate(labels):
        x, y = unit + (dim % columns) * cell, head + (dim // columns) * line
        colour = OPERATOR if given[dim] else POLICY
        draw.text((x, y), label, fill=colour if given[dim] else _TEXT, font=font)
        left, right = x + bar, x + cell - unit
        middle, half = (left + right) / 2, (right - left) / 2
        draw.line((left, y + unit * 0.7, right, y + unit * 0.7), fill=_FAINT)
        end = middle + half * float(np.clip(action[dim], -1, 1))
        ends = sorted((middle, end))
        draw.rectangle((ends[0], y + 0.3 * unit, ends[1], y + 1.1 * unit), fill=colour)
    x = unit
    for name in subtasks:
        mark = ("✓ " if name in done else "· ") + name
        draw.text((x, head + rows * line), mark, fill=_TEXT if name in done else _FAINT, font=font)
        x += int(draw.textlength(mark, font=font)) + unit
    return np.concatenate([picture, np.asarray(panel)])


def _pillow() -> tuple[Any, Any]:
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise InputError(
            "captions: expected the package Pillow, got none; pip install pillow"
        ) from error
    return Image, ImageDraw


@lru_cache
def _font(size: int) -> Any:
    """The font that ships with Matplotlib, so every machine has it."""
    from matplotlib import font_manager
    from PIL import ImageFont

    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)
