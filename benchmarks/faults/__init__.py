"""Faults, made on purpose: `python -m benchmarks faults NAME`."""

PACKAGE = "benchmarks.faults"

#: Name -> what it does.
NAMES: dict[str, str] = {
    "disk": "Seven verbs on a full disk and in a read-only folder; what is left opens, they go on.",
    "environments": "Strange environments through rollout, SharedAutonomy and driving.",
    "fuzz": "A hundred thousand cases of nonsense for everything that reads.",
    "kill": "kill -9 at random moments in five verbs; what is left opens, and they go on.",
    "soak": "Rollouts and recording for half an hour: memory, file handles and threads.",
}
