"""Faults, made on purpose: `mac-control benchmark faults NAME`."""

PACKAGE = "mac_control.benchmarks.faults"

#: Name -> what it does.
NAMES: dict[str, str] = {
    "kill": "kill -9 at random moments in five verbs; what is left opens, and they go on.",
    "soak": "Rollouts and recording for half an hour: memory, file handles and threads.",
}
