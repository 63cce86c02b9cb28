"""Benchmarks: `mac-control benchmark NAME` runs `mac_control.benchmarks.NAME`."""

import sys

from mac_control.cli import run_named

PACKAGE = "mac_control.benchmarks"

#: Name -> what it measures.
NAMES: dict[str, str] = {}

if __name__ == "__main__":
    run_named(PACKAGE, NAMES, "benchmark.py", sys.argv[1:])
