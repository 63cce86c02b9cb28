"""Completion of verbs and options in a shell."""

from __future__ import annotations

import dataclasses
import importlib
import io
import typing
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import tyro

from mac_control.cli import VERBS, run


@dataclass
class Args:
    """Print the completion script of a shell; source it where the shell starts.

    bash: `mac-control completion > ~/.mac-control-completion`, and in `~/.bashrc` the line
    `source ~/.mac-control-completion`.
    """

    shell: Annotated[Literal["bash", "zsh", "fish"], tyro.conf.Positional] = "bash"
    """Which shell."""


def main(args: Args) -> int | None:
    everything = tyro.conf.OmitSubcommandPrefixes[verbs("mac_control.scripts", VERBS)]
    options = ["--tyro-print-completion", args.shell]
    script = io.StringIO()
    with suppress(SystemExit), redirect_stdout(script):
        tyro.cli(everything, prog="mac-control", args=options)  # prints, and exits
    for line in script.getvalue().splitlines():
        # A description of two lines would be read as two candidates.
        print(line.replace("\\n", " ") if line.startswith("COMPLETION_SPEC = ") else line)
    return None


def verbs(package: str, names: dict[str, str]) -> Any:
    """A union type whose command line has all of these verbs as subcommands."""
    kinds: list[Any] = []
    for name, text in names.items():
        module = importlib.import_module(f"{package}.{name.replace('-', '_')}")
        if hasattr(module, "NAMES"):  # a verb with verbs of its own
            inner = tyro.conf.OmitSubcommandPrefixes[verbs(module.PACKAGE, module.NAMES)]
            options = dataclasses.make_dataclass("Args", [("name", inner)])
        elif hasattr(module, "with_policy"):  # a verb whose options depend on a policy
            options = module.with_policy()
        else:
            options = typing.get_type_hints(module.main)["args"]
        kinds.append(Annotated[options, tyro.conf.subcommand(name, description=text)])
    return typing.Union[tuple(kinds)]  # noqa: UP007 - built at run time


if __name__ == "__main__":
    run(main)
