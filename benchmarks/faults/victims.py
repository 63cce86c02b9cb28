"""The verbs to kill: each is the real one, with little to do."""

from __future__ import annotations

import csv
import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.faults.found import data_set, gathered, log_rows, picture
from mac_control.checkpoint import load_policy, read
from mac_control.collection import generate as gathering
from mac_control.collection.augment import Disturbance
from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations, save_minari
from mac_control.demonstrations.convert import minari_to_hdf5
from mac_control.demonstrations.lerobot.faults import lerobot_faults
from mac_control.demonstrations.lerobot.meta import Choice, read_meta
from mac_control.demonstrations.lerobot.parquet import read_table
from mac_control.demonstrations.lerobot.spec import episodes_of
from mac_control.envs.kitchen import collect as collecting
from mac_control.loop import report, results
from mac_control.scripts import augment, collect, evaluate, teleoperate, train
from mac_control.teleop.device import Device, DeviceState
from mac_control.teleop.recorder import EpisodeRecorder
from mac_control.teleop.recording import MinariRecorder, recount
from mac_control.teleop.recording_lerobot import LeRobotRecorder
from mac_control.training import trainer

#: Called whenever an item is reported as safe.
Tell = Callable[[], None]


def write_data(path: Path) -> Path:
    """Two short demonstrations, as an HDF5 file."""
    source = load_demonstrations("builtin")
    parts = ("observations", "actions", "rewards")
    short = [Episode(**{name: getattr(source[i], name)[:30] for name in parts}) for i in range(2)]
    folder = save_minari(Demonstrations(short, source.tasks), path.with_suffix(""))
    return minari_to_hdf5(folder, path)


class Victim(ABC):
    """A verb with an output folder.

    Args:
        data: demonstrations, as `write_data` makes them.
        workers: processes.
    """

    #: Items that an uninterrupted run makes.
    items: int

    #: Folder for copies of what each kill left.
    keep: Path | None = None

    def __init__(self, data: Path, workers: int = 1) -> None:
        self.data, self.workers = data, workers

    @abstractmethod
    def run(self, out: Path, tell: Tell) -> None:
        """Start the verb or resume it; `tell` is called whenever an item is safe."""

    @abstractmethod
    def safe(self, out: Path) -> int:
        """Items on disk, every one of which has been read."""

    @abstractmethod
    def result(self, out: Path) -> Any:
        """What must be equal, interrupted or not."""


class Train(Victim):
    """Two policies side by side, saved after every step; an item is a step."""

    items = 12

    def run(self, out: Path, tell: Tell) -> None:
        args = train.arguments(
            out=out,
            data=str(self.data),
            seeds="0,1",
            scale="demo",
            steps=self.items,
            batch_size=8,
            validation=0.5,
            select_by="validation",
            check_every=4,
            save_seconds=0.0,
            mac={"width": 8, "layers": 1, "obs_width": 8, "components": 1, "masks": 1},
        )
        with telling(trainer, "save_state", tell):
            train.main(args)

    def safe(self, out: Path) -> int:
        for seed in (0, 1):
            if (out / f"seed-{seed}" / "policy.json").exists():
                load_policy(out / f"seed-{seed}")
        if (out / "log.csv").exists():
            log_rows(out)
        if not (out / "training.json").exists():
            return 0
        return int(read(out, "training")[0]["step"]) + 1  # the first save is of step 0

    def result(self, out: Path) -> Any:
        names = ("training", "seed-0/policy", "seed-1/policy")
        records = [json.loads((out / f"{name}.json").read_text()) for name in names]
        for record in records:
            record.get("training", {}).get("config", {}).pop("save_seconds", None)
        return records, [row[:-1] for row in log_rows(out)]  # all except the seconds


class Collect(Victim):
    """One subtask an episode; an item is an episode."""

    items = 4

    def run(self, out: Path, tell: Tell) -> None:
        one = ("kettle",)  # it takes under 20 steps; worker processes do all four
        args = collect.Args(out=str(out), episodes=self.items, noise=0.0, workers=self.workers)
        with (
            patch.dict(collecting.ORDERS, complete=(one, 60)),
            patch.dict(collecting.KITCHEN_TASKS, complete=one),
            each(gathering, tell),
        ):
            collect.main(args)

    def safe(self, out: Path) -> int:
        return gathered(out)

    def result(self, out: Path) -> Any:
        return data_set(out)


class Augment(Victim):
    """Follows a second of demonstration; an item is an episode."""

    items = 6

    def run(self, out: Path, tell: Tell) -> None:
        disturbance = Disturbance(min_reward=0, scripted=0.0)
        args = augment.Args(
            out=str(out),
            data=str(self.data),
            episodes=self.items,
            disturbance=disturbance,
            workers=self.workers,
        )
        with each(gathering, tell):
            augment.main(args)

    def safe(self, out: Path) -> int:
        if (out / "report.png").exists():
            picture(out / "report.png")
        return gathered(out)

    def result(self, out: Path) -> Any:
        picture(out / "report.png")
        return data_set(out), json.loads((out / "report.json").read_text())


class Evaluate(Victim):
    """Two policies, alone and with an operator; an item is a row."""

    items = 4

    def policies(self) -> list[str]:
        folder = self.data.with_name("policies")
        for name in ("bc", "mixture_bc"):
            if not (folder / name / "policy.json").exists():
                train.main(
                    train.arguments(
                        name, out=folder / name, data=str(self.data), steps=1, batch_size=4
                    )
                )
        return [str(folder / name) for name in ("bc", "mixture_bc")]

    def run(self, out: Path, tell: Tell) -> None:
        args = evaluate.Args(
            out=out,
            policies=tuple(self.policies()),
            operators=("nobody", "random"),
            num_given="0,3",
            episodes=2,
            episode_steps=6,
            workers=self.workers,
        )
        with telling(report, "write_report", tell):
            evaluate.main(args)

    def safe(self, out: Path) -> int:
        if (out / "results.csv").exists():
            with open(out / "results.csv", newline="") as file:
                list(csv.DictReader(file))
        if (out / "results.png").exists():
            picture(out / "results.png")
        return len(results.earlier_rows(out / "results.json"))

    def result(self, out: Path) -> Any:
        picture(out / "results.png")
        rows = results.earlier_rows(out / "results.json")
        for row in rows:
            del row["seconds"]
        table = (out / "results.md").read_text().splitlines()
        return rows, [line for line in table if line.startswith("|")]


class Swing(Device):
    """Drives dimension 1 by the number of reads in this episode, so that it is reproducible."""

    mapping = "network"

    def connect(self) -> None:
        self._looks = 0

    def reset(self) -> None:
        self._looks = 0

    def read(self) -> DeviceState:
        import time

        self._looks += 1
        axes = {"swing": float(np.sin(self._looks))} if self._looks % 8 > 3 else {}
        return DeviceState(axes, frozenset(), time.monotonic())


class Teleoperate(Victim):
    """Records short episodes that a device drives; an item is an episode."""

    items = 10
    steps = 5
    record_as = "minari"
    recorder: type[EpisodeRecorder] = MinariRecorder

    def have(self, out: Path) -> int:
        """Episodes that a recorder finds when it resumes."""
        return recount(out) if out.exists() else 0

    def run(self, out: Path, tell: Tell) -> None:
        mapping = self.data.with_name("swing.toml")
        if not mapping.exists():
            mapping.write_text('axis = [{axis = "swing", dim = 1}]')
        have = self.have(out)
        args = teleoperate.Args(
            device=("benchmarks.faults.victims:Swing",),
            env="Reacher-v5",  # loads faster than the kitchen: more of the time is recording
            mapping=str(mapping),
            cockpit=False,
            record=str(out),
            record_as=self.record_as,
            patience=60.0,
            speed=10.0,
            episode_steps=self.steps,
            steps=(self.items - have) * self.steps,
            seed=have,
        )
        with telling(self.recorder, "_write", tell):
            teleoperate.main(args)

    def safe(self, out: Path) -> int:
        return len(load_demonstrations(out)) if out.exists() else 0

    def result(self, out: Path) -> Any:
        return data_set(out)


class TeleoperateLeRobot(Teleoperate):
    """The same, into a LeRobotDataset; what each kill leaves may be kept for lerobot to open."""

    record_as = "lerobot"
    recorder = LeRobotRecorder

    def have(self, out: Path) -> int:
        return len(list(episodes_of(out)))

    def safe(self, out: Path) -> int:
        if not (out / "meta" / "info.json").exists():
            return 0
        if self.keep is not None:
            shutil.copytree(out, self.keep / f"{len(list(self.keep.iterdir())):04d}")
        return len(load_demonstrations(out))

    def result(self, out: Path) -> Any:
        if faults := list(lerobot_faults(out)):
            raise ValueError(faults[0])
        tables = [read_table(path).to_pydict() for path in read_meta(Choice(out)).files]
        return json.loads((out / "meta" / "info.json").read_text()), tables


VICTIMS: dict[str, type[Victim]] = {
    "train": Train,
    "collect": Collect,
    "augment": Augment,
    "evaluate": Evaluate,
    "teleoperate": Teleoperate,
    "teleoperate-lerobot": TeleoperateLeRobot,
}


def telling(owner: Any, name: str, tell: Tell) -> Any:
    """Within the block, `owner.name` reports after each successful call."""
    function = getattr(owner, name)

    def told(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        tell()
        return value

    return patch.object(owner, name, told)


def each(owner: Any, tell: Tell) -> Any:
    """Within the block, `owner.run_many` reports each item that it yields."""
    function = owner.run_many

    def told(*args: Any, **kwargs: Any) -> Any:
        for value in function(*args, **kwargs):
            tell()
            yield value

    return patch.object(owner, "run_many", told)
