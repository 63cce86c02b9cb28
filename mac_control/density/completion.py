"""Completes a text, the most probable completion first."""

from __future__ import annotations

import numpy as np

from mac_control.density.model import DensityModel
from mac_control.density.text import BLANK
from mac_control.errors import InputError

_BATCH = 50


def complete(
    model: DensityModel,
    text: str,
    alternatives: int = 5,
    samples: int = 200,
    temperature: float = 1.0,
    seed: int = 0,
) -> list[tuple[str, float]]:
    """Completions and `log p(filled in | the rest)` [nats], the most probable first.

    Candidates are the conditional modes one after another, the same in order of certainty, and
    `samples` random draws; duplicates count once.

    Raises:
        InputError: not a model of text, no blank, or too long a text.
    """
    if model.config.kind != "text":
        raise InputError(f"model: expected one of text, got one of {model.config.kind}")
    if BLANK not in text:
        raise InputError(f"text: expected blanks ({BLANK}) to fill in, got none in {text!r}")
    if not 1 <= len(text) <= model.dim:
        raise InputError(
            f"text: expected at most {model.dim} characters, which the model has learnt, "
            f"got {len(text)}"
        )
    if alternatives < 1 or samples < 0:
        raise InputError(
            f"alternatives, samples: expected at least 1 and 0, got {alternatives} and {samples}"
        )
    given = np.array([[c != BLANK for c in text]])
    found = [*model.mode(text, given), *model.mode(text, given, order="certain")]
    for first in range(0, samples, _BATCH):
        count = min(_BATCH, samples - first)
        masks = given.repeat(count, 0)
        found += model.sample([text] * count, masks, temperature, seed + first)
    different = sorted(set(found))
    values = model.log_prob(different, given.repeat(len(different), 0))
    ranked = sorted(zip(different, values.tolist(), strict=True), key=lambda pair: -pair[1])
    return ranked[:alternatives]
