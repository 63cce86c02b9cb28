"""Readers of texts: mappings, messages, options, the command line."""

from __future__ import annotations

import contextlib
import io
import json
import typing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import strategies as st

from benchmarks.faults.readers.base import JSON, Reader, damaged
from mac_control.cli import VERBS, run, run_named
from mac_control.cockpit.front import check_command
from mac_control.errors import MacControlError
from mac_control.operators.spec import parse
from mac_control.options import numbers
from mac_control.teleop.device import DeviceState
from mac_control.teleop.mapping_file import load_mapping, mapping_names, parse_mapping
from mac_control.teleop.messages import parse_message, refusal
from mac_control.teleop.options import parse_options

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
            mapping = load_mapping(path, 9)
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


class Options(Reader):
    """Texts of the command line that we read ourselves."""

    count = 10_000

    def cases(self) -> st.SearchStrategy:
        text = st.text(max_size=30) | st.text("tracker:+=noisyk,0.5e19()[]{}'\"", max_size=24)
        return st.tuples(text, text, text, st.text(max_size=30))

    def read(self, case: Any) -> None:
        functions = (parse_options, parse, lambda text: numbers("given", text), _mapping)
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
        def parsed(main: Any, argv: Any, prog: str | None = None, parse: Any = None) -> None:
            def stop(args: Any) -> int:
                return 0

            stop.__annotations__ = {"args": _hint(main)}
            run(stop, argv, prog, parse)

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


def _mapping(text: str) -> Any:
    return load_mapping(text, 9)


def _hint(main: Any) -> Any:
    return typing.get_type_hints(main)["args"]
