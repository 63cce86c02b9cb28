"""Benchmarks, from a checkout: `python -m benchmarks NAME` runs `benchmarks/NAME.py`."""

import sys

from mac_control.cli import run_named

#: Name -> what it measures.
NAMES: dict[str, str] = {
    "all": "Everything that takes minutes, on one page; `make bench`.",
    "density": "Likelihood of any-order models: the paper's ablation, zuko and scikit-learn.",
    "density-sizes": "Marginals of the kitchen by size: why MAC and the baseline are level.",
    "data": "Memory and time of a training step for data of 10^4 to 10^7 steps.",
    "lerobot-reading": "Reading LeRobotDatasets: memory, frames per second beside lerobot itself.",
    "engine": "Conditionals trained per second, the cache, cost against size.",
    "rollouts": "Steps per second of rollouts on all cores, against the bare simulator.",
    "practice": "Steps per second of practice, against rollouts of the same policy.",
    "learning": "Likelihood of held-out demonstrations after so many seconds of training.",
    "latency": "Time of one fill-in on one core, against IBC.",
    "soft": "Time to weigh soft commands on one core, against exact ones.",
    "teleop": "Time from a device to the action in the environment, model included.",
    "teleop-soak": "An hour of driving by a scripted browser and device, faster than real time.",
    "collecting": "Throughput of collecting against raw mj_step, on all cores.",
    "scaling": "Throughput of work that fans out: local processes and a Ray cluster.",
    "blocks": "Filling in blocks of dimensions at once: time saved, likelihood lost.",
    "hand": "A hand of 28 dimensions against an arm of nine: fill-ins, the simulator's share.",
    "helpers": "Partial control with helpers that are no network: what knowing the plan is worth.",
    "units": "The same demonstrations in other units and action boxes: what policies learn.",
    "expert": "How often the scripted expert does each subtask, and four in a row.",
    "lerobot-handover": "Jumps where a leader arm of LeRobot's is taken and let go of.",
    "first-minutes": "Seconds from a fresh clone to driving, by the README's commands.",
    "suite-runs": "The whole test suite again and again, on a machine in a named state.",
    "faults": "Faults made on purpose: long runs, kills, full disks, damaged files.",
}

if __name__ == "__main__":
    run_named("benchmarks", NAMES, "python -m benchmarks", sys.argv[1:])
