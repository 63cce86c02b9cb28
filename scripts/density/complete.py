"""Fills in the blanks of a text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional


@dataclass
class Args:
    """Fill in the blanks of a text, and show alternatives with their probabilities.

    A blank is an underscore: "pr_p_y__cti__". The probability is that of what was filled in, given
    the rest.
    """

    text: Positional[str]
    """Text in a to z, spaces and underscores."""
    model: Path
    """Folder of a model of text."""
    alternatives: int = 5
    """Completions to show."""
    samples: int = 200
    """Completions drawn, of which the most probable are shown."""
    temperature: float = 1.0
    """Below 1: likelier completions."""
    seed: int = 0
    """Seed of the draws."""
    clean: bool = False
    """Convert the text to a to z and spaces first."""
    json: bool = False
    """Print JSON."""


def main(args: Args) -> int | None:
    import json
    import math

    from mac_control.density.completion import complete
    from mac_control.density.load import load_density
    from mac_control.density.text import BLANK, clean

    text = clean(args.text, BLANK) if args.clean else args.text
    found = complete(
        load_density(args.model),
        text,
        args.alternatives,
        args.samples,
        args.temperature,
        args.seed,
    )
    if args.json:
        print(json.dumps([{"text": t, "log_prob": round(v, 4)} for t, v in found]))
        return 0
    for text, log_prob in found:
        print(f"{math.exp(log_prob):8.2%}  {text}")
    return 0
