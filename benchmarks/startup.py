"""From the start of an evaluation to the first step of its first episode."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from benchmarks.page import Table
from mac_control.envs import make_kitchen
from mac_control.errors import MacControlError
from mac_control.loop.groups import GROUP_SIZE

#: Variable that names the file in which the first step is recorded.
_FILE = "MAC_CONTROL_FIRST_STEP"

#: As the verb does: first the script, then what it imports once its options are known.
_PROGRAM = """
import sys, time
import mac_control.scripts.evaluate
from mac_control.loop import evaluate
from mac_control.loop.policies import resolve_policies
policies = resolve_policies(["builtin"])
evaluate(policies, episodes=int(sys.argv[1]), workers=int(sys.argv[2]),
         env="benchmarks.startup:kitchen")
print(time.process_time())
"""


class FirstStep(gymnasium.Wrapper):
    """Records when its process made its first step; an episode is one step."""

    def step(self, action: np.ndarray) -> tuple[Any, ...]:
        file = Path(os.environ[_FILE])
        if not file.exists():
            file.write_text(json.dumps([time.time(), time.process_time()]))
        obs, reward, terminated, _, info = self.env.step(action)
        return obs, reward, terminated, True, info

    def twin(self) -> FirstStep:
        return FirstStep(self.env.twin())


def kitchen(**options: Any) -> FirstStep:
    """The kitchen, for one step."""
    return FirstStep(make_kitchen(**options))


def tables(rounds: int) -> list[Table]:
    """Rows for an evaluation in one process and in two, in turns."""
    names = {1: "evaluate, this process alone", 2: "evaluate, two workers"}
    found: dict[int, list[dict[str, float]]] = {count: [] for count in names}
    imports: list[float] = []
    for _ in range(rounds):
        imports.append(_import_torch())
        for count in names:
            found[count].append(first_step(count))
    torch = float(np.median(imports))
    rows: list[dict[str, Any]] = [
        {"what": "import torch", "processor time [s]": torch, "ratio": 1.0}
    ]
    for count, name in names.items():
        cpu = float(np.median([each["cpu"] for each in found[count]]))
        wall = float(np.median([each["wall"] for each in found[count]]))
        rows.append(
            {
                "what": name,
                "first step after [s]": wall,
                "processor time [s]": cpu,
                "ratio": cpu / torch,
            }
        )
    about = (
        "The policy that ships in the kitchen, 20 episodes in lockstep in each process. Processor "
        "time is that of the process that steps first and, where it is a worker, of the one that "
        "started it: what a quiet machine takes, one after the other. Medians of "
        f"{rounds} rounds. The ratio is of processor time, to importing torch alone."
    )
    return [Table("Start of an evaluation", about, rows)]


def first_step(workers: int) -> dict[str, float]:
    """Wall-clock and CPU time [s] until the first step."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "first.json"
        start = time.time()
        done = _run(_PROGRAM, str(workers * GROUP_SIZE), str(workers), **{_FILE: str(file)})
        at, cpu = json.loads(file.read_text())
    whole = cpu if workers == 1 else cpu + float(done)
    return {"wall": at - start, "cpu": whole}


def _import_torch() -> float:
    return float(_run("import time, torch; print(time.process_time())"))


def _run(program: str, *args: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *args],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | variables,
    )
    if done.returncode:
        raise MacControlError(f"start: expected an evaluation, got {done.stderr.splitlines()[-1:]}")
    return done.stdout.splitlines()[-1]
