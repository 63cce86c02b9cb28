"""What is fuzzed: each reader with the cases that it gets, and how it is called."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import pickle
import socketserver
import threading
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import h5py
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mac_control.checkpoint import load_policy, save_policy
from mac_control.cli import VERBS, run, run_named
from mac_control.cockpit.front import check_command
from mac_control.demonstrations import Demonstrations, Episode, download, load_demonstrations
from mac_control.demonstrations.faults import find_faults
from mac_control.demonstrations.minari_write import save_minari
from mac_control.errors import CheckpointError, MacControlError
from mac_control.operators.spec import parse
from mac_control.policies.bc import BC
from mac_control.scripts.rollout import numbers
from mac_control.teleop.device import DeviceState
from mac_control.teleop.mapping import load_mapping, mapping_names, parse_mapping
from mac_control.teleop.messages import parse_message, refusal
from mac_control.teleop.options import parse_options

#: Any JSON, with the numbers that JSON should not have.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda part: (
        st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=8), part, max_size=4)
    ),
    max_leaves=8,
)

#: Keys of the entries of a mapping.
KEYS = (
    *("axis", "dim", "direction", "scale", "dead_zone", "mode"),
    *("position", "gain", "dims", "button", "value"),
)
#: Words of a command line.
WORDS = (
    "--out --episodes --seed --policies --given --data --steps --help --port -h "
    "x 3 -1 nan None --disturbance.strength --mac.width [] 1e999 ../../x"
)


@st.composite
def damaged(draw: Callable[..., Any], content: bytes) -> bytes:
    """`content` with bytes changed, put in, left out or cut off."""
    value = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(value) - 1, 0)))
        kind = draw(st.sampled_from(("change", "insert", "remove", "cut")))
        if kind == "change":
            new = draw(st.binary(min_size=1, max_size=4))
            value[at : at + len(new)] = new
        elif kind == "insert":
            value[at:at] = draw(st.binary(min_size=1, max_size=16))
        elif kind == "remove":
            del value[at : at + draw(st.integers(1, 64))]
        else:
            del value[at:]
    return bytes(value)


class Reader(ABC):
    """Something that reads what others wrote; `folder` is its own."""

    #: Cases of a full run.
    count: ClassVar[int]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def cases(self) -> st.SearchStrategy:
        """What it is given."""

    @abstractmethod
    def read(self, case: Any) -> None:
        """Read a case; raises nothing but our own errors."""

    def close(self) -> None:
        return None


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


class Mapping(Reader):
    """Mapping files: damaged ones, and tables of any content; then used on any state."""

    count = 26_000

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        from importlib import resources

        files = resources.files("mac_control.teleop") / "mappings"
        self.texts = [(files / f"{name}.toml").read_bytes() for name in mapping_names()]

    def cases(self) -> st.SearchStrategy:
        any_value = JSON | st.sampled_from(("mine0", "dim1", "x", "mode", 0, 8, 9, -1, 1e308))
        entry = st.dictionaries(
            st.sampled_from(KEYS), any_value, max_size=5,
        )  # fmt: skip
        table = st.fixed_dictionaries(
            {},
            optional={
                **{k: st.lists(entry | any_value, max_size=3) | any_value
                   for k in ("axis", "button", "hold")},
                "events": JSON | st.dictionaries(st.text(max_size=4), any_value, max_size=2),
                "modes": JSON | st.lists(any_value, max_size=2),
                "task_space": entry | any_value,
            },
        )  # fmt: skip
        state = st.dictionaries(st.sampled_from(("x", "dim1", "left_x")), st.floats(), max_size=3)
        return st.tuples(st.sampled_from(self.texts).flatmap(damaged) | table, state)

    def read(self, case: Any) -> None:
        source, axes = case
        if isinstance(source, bytes):
            path = self.folder / "case.toml"
            path.write_bytes(source)
            mapping = load_mapping(path)
        else:
            mapping = parse_mapping(source, 9)
        driven = mapping(DeviceState(axes, frozenset(["a", "mine0"])), obs=np.zeros(30))
        if not np.isfinite(driven.values).all():
            raise AssertionError(f"drives {driven.values}, expected finite numbers")


class Message(Reader):
    """What clients send: messages, commands, addresses and headers."""

    count = 40_000

    def cases(self) -> st.SearchStrategy:
        good = json.dumps({"axes": {"dim1": 0.5, "x": -1}, "buttons": ["mine1"]}).encode()
        shaped = st.fixed_dictionaries({}, optional={"axes": JSON, "buttons": JSON, "command": JSON,
                                                     "argument": JSON})  # fmt: skip
        text = st.text(max_size=40)
        headers = st.dictionaries(st.sampled_from(("Host", "Origin", "Cookie")), text, max_size=3)
        return st.tuples(
            damaged(good) | st.binary(max_size=64) | text | shaped.map(json.dumps),
            text | text.map(lambda t: f"/ws?token={t}"),
            headers,
            st.none() | text,
        )

    def read(self, case: Any) -> None:
        text, path, headers, token = case
        refusal(path, headers, "127.0.0.1", token)
        with contextlib.suppress(MacControlError):
            check_command(text)
        axes, _ = parse_message(text)
        if not np.isfinite(list(axes.values())).all():
            raise AssertionError(f"says {axes}, expected finite numbers")


class Http(Reader):
    """Answers to a download: any status, headers and body, cut off anywhere."""

    count = 1_500

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        Hdf5(folder)
        self.body = (folder / "good.hdf5").read_bytes()
        reader = self

        class Answer(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    self.request.recv(65536)
                    self.request.sendall(reader.answer)

        self.answer = b""
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def cases(self) -> st.SearchStrategy:
        number = st.sampled_from(
            ("0", "-1", "5", "99999999999999999999", "x", "²", str(len(self.body)))
        )
        header = st.one_of(
            number.map(lambda n: f"Content-Length: {n}"),
            st.tuples(number, number, number).map(
                lambda t: f"Content-Range: bytes {t[0]}-{t[1]}/{t[2]}"
            ),
            st.text("abc:=-/* ;é", max_size=12).map(lambda t: f"ETag: {t}"),
            st.text("abc:=-/* ;", max_size=12).map(lambda t: f"Transfer-Encoding: {t}"),
            st.just("Transfer-Encoding: chunked"),
            st.text("abc:-/ ", max_size=9),
        )  # fmt: skip
        status = st.sampled_from((200, 206, 204, 301, 302, 404, 416, 500, 999))
        body = st.just(self.body) | damaged(self.body) | st.binary(max_size=64)
        whole = st.tuples(status, st.lists(header, max_size=3), body).map(
            lambda t: f"HTTP/1.1 {t[0]} x\r\n{chr(10).join(t[1])}\r\n\r\n".encode() + t[2]
        )
        return whole | whole.flatmap(lambda t: damaged(t[:300])) | st.binary(max_size=64)

    def read(self, case: Any) -> None:
        self.answer = case
        path = self.folder / "fetched.hdf5"
        path.write_text("the good old file")
        url = f"http://127.0.0.1:{self.server.server_address[1]}/data.hdf5"
        try:
            with patch.object(download.time, "sleep", lambda _: None), patch.object(
                download, "_TIMEOUT", 2
            ):  # fmt: skip
                download.download_file(url, path, progress=False)
        except Exception:
            if path.read_text() != "the good old file":
                raise AssertionError("the old file was harmed") from None
            raise
        finally:
            for part in self.folder.glob(".fetched*"):
                part.unlink()


class Options(Reader):
    """Texts of the command line that we read ourselves."""

    count = 10_000

    def cases(self) -> st.SearchStrategy:
        text = st.text(max_size=30) | st.text("tracker:+=noisyk,0.5e19()[]{}'\"", max_size=24)
        return st.tuples(text, text, text, st.text(max_size=30))

    def read(self, case: Any) -> None:
        functions = (parse_options, parse, lambda text: numbers("given", text), load_mapping)
        for function, text in zip(functions, case, strict=True):
            with contextlib.suppress(MacControlError):
                function(text)


class CommandLine(Reader):
    """Arguments of every verb, up to the point where it would begin its work."""

    count = 1_000

    def cases(self) -> st.SearchStrategy:
        words = WORDS.split()
        word = st.sampled_from(words) | st.text(max_size=8)
        verbs = st.sampled_from(sorted(VERBS)) | st.text(max_size=8)
        return st.lists(verbs, max_size=1).flatmap(
            lambda v: st.lists(word, max_size=5).map(lambda w: [*v, *w])
        )

    def read(self, case: Any) -> None:
        def parsed(main: Any, argv: Any, prog: str | None = None) -> None:
            def stop(args: Any) -> int:
                return 0

            stop.__annotations__ = {"args": _hint(main)}
            run(stop, argv, prog)

        said = io.StringIO()
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            patch("mac_control.cli.run", parsed),
        ):
            try:
                run_named("mac_control.scripts", VERBS, "mac-control", case)
            except SystemExit as end:
                if end.code not in (0, 2):
                    raise AssertionError(f"ended with {end.code}: {said.getvalue()}") from None


def _hint(main: Any) -> Any:
    return typing.get_type_hints(main)["args"]


def unharmed(files: list[Path], read: Callable[[], Any]) -> None:
    """Call `read`, which may not change the files."""
    before = [file.read_bytes() for file in files]
    try:
        read()
    finally:
        if [file.read_bytes() for file in files] != before:
            raise AssertionError("a file was changed by reading it")


READERS: dict[str, type[Reader]] = {
    "hdf5": Hdf5,
    "minari": Minari,
    "checkpoint": Checkpoint,
    "mapping": Mapping,
    "message": Message,
    "http": Http,
    "options": Options,
    "command-line": CommandLine,
}
