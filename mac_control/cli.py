"""The console command: `mac-control VERB ...` runs the script of that name."""

from __future__ import annotations

import dataclasses
import importlib
import os
import signal
import sys
import threading
import typing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tyro

from mac_control.disk import disk_error
from mac_control.errors import MacControlError, did_you_mean
from mac_control.files import user_path

#: Verb -> what it does. Each is `mac_control.scripts.VERB` with a dataclass `Args` and
#: `main(args: Args)`.
VERBS: dict[str, str] = {
    "demo": "Train BC, IBC and MAC, share control with a proxy operator, print the table.",
    "data": "List, describe, check, convert, replay and download demonstrations.",
    "collect": "Collect demonstrations of an operator, disturbed and corrected, in simulation.",
    "train": "Train a policy on demonstrations; resumes where it was interrupted.",
    "practice": "Train a policy further by driving together with simulated operators.",
    "rollout": "Run episodes of shared autonomy; print them, film them.",
    "evaluate": "Compare policies with operators: reward over many episodes, table and plot.",
    "tune": "Search for settings of a policy by rollouts, with equal budgets.",
    "report": "Compare the results of several runs of evaluate on one page.",
    "devices": "List the input devices, and show what one sends.",
    "teleoperate": "Drive with a device or from a web page; the policy fills in the rest.",
    "export": "Write a policy to a file that runs without torch, for a robot's computer.",
    "density": "Density models of text, images and tables: train, evaluate, complete, inpaint.",
    "augment": "Make robust episodes from demonstrations, in simulation.",
    "doctor": "Check what this machine has, lacks and has free; say what to do.",
    "completion": "Print a script that completes verbs and options in a shell.",
}


#: What the command prints without arguments.
FIRST = """Drive some of a robot's dimensions; a learned policy fills in the others.

First:
  mac-control teleoperate   open a page and drive a simulated kitchen with the policy that ships
  mac-control demo          train BC, IBC and MAC, share control with an operator, compare
  mac-control doctor        check what this machine lacks
"""


def run(
    main: Callable[[Any], int | None],
    argv: Sequence[str] | None = None,
    prog: str | None = None,
    parse: Callable[[Sequence[str], str], Any] | None = None,
) -> None:
    """Parse the arguments of `main(args)` from its annotation, run it, and exit.

    `parse` replaces that where options depend on others. A user's mistake ends with one sentence
    and exit status 2, not a traceback; SIGTERM ends workers too, with status 143.
    """
    _end_in_order()
    with sentences():
        if parse is not None:
            args = parse(sys.argv[1:] if argv is None else argv, prog or sys.argv[0])
        else:  # one `args` dataclass is the whole command line: its fields are the options
            args = tyro.cli(typing.get_type_hints(main)["args"], prog=prog, args=argv)
        sys.exit(main(_expanded(args)) or 0)


def _end_in_order() -> None:
    """Let SIGTERM unwind the stack, which ends workers and closes files."""

    def end(number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        sys.exit(128 + number)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end)


def _expanded(args: Any) -> Any:
    """Expand `~` in paths: a shell leaves `--out=~/runs` as it is."""
    for field in dataclasses.fields(args) if dataclasses.is_dataclass(args) else ():
        value = getattr(args, field.name)
        if isinstance(value, Path):
            setattr(args, field.name, user_path(value))
        elif isinstance(value, list) and all(isinstance(each, Path) for each in value):
            setattr(args, field.name, [user_path(each) for each in value])
    return args


def run_named(package: str, names: dict[str, str], usage: str, argv: Sequence[str]) -> None:
    """Run `package.NAME` with the other arguments, NAME being the first."""
    name = argv[0] if argv else "--help"
    if name not in names:
        asked = name in ("-h", "--help")
        width = max(map(len, names), default=0)
        lines = "\n".join(f"  {key:<{width}}  {text}" for key, text in names.items())
        if not asked:
            print(f"error: {name!r} is not known{did_you_mean(name, names)}\n", file=sys.stderr)
        print(
            f"usage: {usage} NAME [options]\n'{usage} NAME --help' lists the options.\n\n{lines}",
            file=sys.stdout if asked else sys.stderr,
        )
        sys.exit(0 if asked else 2)
    module = importlib.import_module(f"{package}.{name.replace('-', '_')}")
    if hasattr(module, "NAMES"):  # a verb with verbs of its own
        run_named(module.PACKAGE, module.NAMES, f"{usage} {name}", argv[1:])
    else:
        run(module.main, argv[1:], f"{usage} {name}", getattr(module, "parse", None))


def main() -> None:
    """Entry point of the console command."""
    with sentences():
        if len(sys.argv) == 1:
            print(FIRST)
        run_named("mac_control.scripts", VERBS, "mac-control", sys.argv[1:])


@contextmanager
def sentences() -> Iterator[None]:
    """Turn our own errors, and refusals of the system, into a sentence and an exit status."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except MacControlError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # the reader closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        print(f"error: {disk_error(error.filename or 'a file', error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
