"""Readers of files: HDF5, Minari, checkpoints."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmarks.faults.readers.base import JSON, Reader, damaged, unharmed
from mac_control.checkpoint import load_policy, save_policy
from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations
from mac_control.demonstrations.faults import find_faults
from mac_control.demonstrations.minari_write import save_minari
from mac_control.errors import CheckpointError
from mac_control.policies.bc import BC


class Hdf5(Reader):
    """Files of D4RL's layout: damaged ones, and wrong arrays and attributes."""

    count = 12_000

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        rng = np.random.default_rng(0)
        self.good: dict[str, Any] = {
            "observations": rng.normal(size=(12, 30)).astype(np.float32),
            "actions": rng.uniform(-1, 1, (12, 9)).astype(np.float32),
            "rewards": np.ones(12, np.float32),
            "terminals": np.arange(12) % 6 == 5,
        }
        with h5py.File(folder / "good.hdf5", "w") as file:
            for name, array in self.good.items():
                file.create_dataset(name, data=array, compression="gzip")
            file.attrs["mac_control"] = json.dumps({"tasks": ["kettle"]})
        self.content = (folder / "good.hdf5").read_bytes()
        load_demonstrations(folder / "good.hdf5")

    def cases(self) -> st.SearchStrategy:
        array = hnp.arrays(
            st.sampled_from(("f4", "f8", "i4", "?", "S3", "u1")),
            hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=12),
            fill=st.nothing(),
            elements=None,
        )
        attribute = st.text(max_size=20) | JSON.map(lambda v: json.dumps(v)) | st.floats()
        return damaged(self.content) | st.tuples(
            st.sampled_from((*self.good, "executed", "timeouts")), array, attribute
        )

    def read(self, case: Any) -> None:
        path = self.folder / "case.hdf5"
        if isinstance(case, bytes):
            path.write_bytes(case)
        else:
            name, array, attribute = case
            unwritable = contextlib.suppress(ValueError, OSError, TypeError)
            with unwritable, h5py.File(path, "w") as file:
                for key, value in {**self.good, name: array}.items():
                    file[key] = value
                file.attrs["mac_control"] = attribute
        unharmed([path], lambda: load_demonstrations(path))
        list(find_faults(path))


class Minari(Reader):
    """Data sets of Minari: damaged metadata and numbers, and metadata of any JSON."""

    count = 10_000

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        rng = np.random.default_rng(0)
        episodes = [Episode(rng.normal(size=(4, 30)), rng.uniform(-1, 1, (4, 9))) for _ in "ab"]
        self.set = save_minari(Demonstrations(episodes, ("kettle",)), folder / "case-v0")
        self.files = [self.set / "data" / name for name in ("metadata.json", "main_data.hdf5")]
        self.content = [file.read_bytes() for file in self.files]
        self.metadata = json.loads(self.content[0])

    def cases(self) -> st.SearchStrategy:
        names = st.sampled_from(sorted(self.metadata))
        return (
            st.tuples(st.just(0), damaged(self.content[0]))
            | st.tuples(st.just(1), damaged(self.content[1]))
            | st.tuples(names, JSON | JSON.map(json.dumps))
        )

    def read(self, case: Any) -> None:
        which, value = case
        changed = list(self.content)
        if isinstance(which, int):
            changed[which] = value
        else:
            changed[0] = json.dumps({**self.metadata, which: value}).encode()
        for file, content in zip(self.files, changed, strict=True):
            file.write_bytes(content)
        unharmed(self.files, lambda: load_demonstrations(self.set))
        list(find_faults(self.set))


class Checkpoint(Reader):
    """Checkpoints: damaged JSON and weights, records of any JSON, pickles with a fitting sum."""

    count = 10_000

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        policy = BC(BC.Config(width=4, depth=1), np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
        self.good = save_policy(folder / "case", policy)
        self.record = json.loads((self.good / "policy.json").read_text())
        self.weights = self.good / self.record["weights"]["file"]
        self.content = self.weights.read_bytes()
        self.text = (self.good / "policy.json").read_bytes()

    def cases(self) -> st.SearchStrategy:
        keys = st.sampled_from(sorted(self.record))
        config = st.sampled_from(sorted(self.record["config"]))
        return (
            st.tuples(st.just("json"), damaged(self.text))
            | st.tuples(st.just("weights"), damaged(self.content))
            | st.tuples(st.just("sum that fits"), damaged(self.content))
            | st.tuples(st.just("pickle"), JSON)
            | st.tuples(st.just("record"), keys, JSON)
            | st.tuples(st.just("config"), config, JSON)
        )

    def read(self, case: Any) -> None:
        kind, *values = case
        record, text, content = json.loads(self.text), self.text, self.content
        if kind == "json":
            text = values[0]
        elif kind in ("record", "config"):
            (record if kind == "record" else record["config"])[values[0]] = values[1]
            text = json.dumps(record).encode()
        else:
            content = pickle.dumps(Explosive(values[0])) if kind == "pickle" else values[0]
            if kind != "weights":
                record["weights"]["sha256"] = hashlib.sha256(content).hexdigest()
                text = json.dumps(record).encode()
        (self.good / "policy.json").write_bytes(text)
        self.weights.write_bytes(content)
        try:
            unharmed([self.weights, self.good / "policy.json"], lambda: load_policy(self.good))
        except CheckpointError:
            return
        if kind == "pickle" or (kind == "weights" and content != self.content):
            raise AssertionError(f"{kind}: was loaded, expected to be refused")


class Explosive:
    """Whoever unpickles it hears of it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> Any:
        return (_explode, ())


def _explode() -> None:
    raise AssertionError("a pickle was opened")
