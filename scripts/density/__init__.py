"""Density models of text, images and tables: `mac-control density NAME`."""

import sys

from mac_control.cli import run_named

PACKAGE = "mac_control.scripts.density"

#: Name -> what it does.
NAMES: dict[str, str] = {
    "train": "Train a density model on text, images or a table; resumes an interrupted run.",
    "evaluate": "Bits per dimension of test rows: joint, marginals, conditionals.",
    "baseline": "Fit a flow or a Gaussian mixture to a table, and rate it in the same way.",
    "complete": "Fill in the blanks of a text, with probabilities and alternatives.",
    "inpaint": "Fill in the masked pixels of pictures, and write original, mask and completions.",
    "report": "Tables and curves of several models on one page.",
    "cost": "Measure time and memory of a step, and compute what fits where.",
}

if __name__ == "__main__":
    run_named(PACKAGE, NAMES, "density.py", sys.argv[1:])
