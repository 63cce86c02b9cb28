"""Look at, check, convert, replay and download demonstrations: `mac-control data NAME`."""

import sys

from mac_control.cli import run_named

PACKAGE = "mac_control.scripts.data"

#: Name -> what it does.
NAMES: dict[str, str] = {
    "list": "List the demonstrations on this machine, and what can be downloaded.",
    "info": "Describe demonstrations: rewards, subtasks, action range, plots.",
    "check": "Look for faults, and name each with its episode and step.",
    "convert": "Convert between D4RL's HDF5 layout, Minari and LeRobot.",
    "edit": "Delete, split and merge episodes, into a new data set.",
    "replay": "Replay demonstrations in simulation: reward reached against recorded; film.",
    "download": "Download a Minari data set by id, or a D4RL kitchen file by name.",
}

if __name__ == "__main__":
    run_named(PACKAGE, NAMES, "data.py", sys.argv[1:])
