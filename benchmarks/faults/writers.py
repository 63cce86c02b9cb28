"""The verbs that write one file or folder in one go; the trials of full disks cover them too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.found import data_set
from benchmarks.faults.victims import VICTIMS, Tell, Victim
from mac_control.checkpoint import load_policy
from mac_control.demonstrations import load_demonstrations
from mac_control.scripts import export, train
from mac_control.scripts.data import convert


class Export(Victim):
    """A policy as an ONNX file; the item is the file."""

    items = 1

    def run(self, out: Path, tell: Tell) -> None:
        policy = self.data.with_name("exported")
        if not (policy / "policy.json").exists():
            train.main(
                train.arguments("bc", out=policy, data=str(self.data), steps=1, batch_size=4)
            )
        export.main(export.Args(policy, out / "policy.onnx"))
        tell()

    def safe(self, out: Path) -> int:
        if not (out / "policy.onnx").exists():
            return 0
        load_policy(out / "policy.onnx")
        return 1

    def result(self, out: Path) -> Any:
        return load_policy(out / "policy.onnx").act(np.ones(30)).tolist()


class Convert(Victim):
    """An HDF5 file as a Minari data set; the item is the data set."""

    items = 1

    def run(self, out: Path, tell: Tell) -> None:
        convert.main(convert.Args(str(self.data), str(out)))
        tell()

    def safe(self, out: Path) -> int:
        return int(out.exists() and len(load_demonstrations(out)) > 0)

    def result(self, out: Path) -> Any:
        return data_set(out)


WRITERS: dict[str, type[Victim]] = {**VICTIMS, "export": Export, "convert": Convert}
