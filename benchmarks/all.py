"""Every benchmark that takes minutes, on one page that names the machine."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from benchmarks.page import Table, load, machine, markdown
from benchmarks.sections import SECTIONS
from mac_control.cli import run
from mac_control.errors import InputError
from mac_control.files import write_json, write_text


@dataclass
class Args:
    """Measure speed, memory, throughput and growth: about ten minutes on two quiet cores.

    Writes README.md and results.json. Policies are trained under `work`, where an interrupted run
    resumes. Likelihoods (density), an hour of driving (teleop-soak) and the expert's success
    (expert) take longer, and have their own commands.
    """

    only: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A section to measure; give the option once for each. The others stay on the page as they are.
    None given: all."""
    out: Path = Path("benchmarks")
    """Folder of README.md and results.json."""
    work: Path = Path("runs/bench")
    """Folder for trained policies."""
    steps: int = 4000
    """Training steps of each policy before its reward is measured."""
    episodes: int = 10
    """Episodes for each reward."""
    scale: float = 1.0
    """Multiplies how long everything else is measured."""


def main(args: Args) -> int | None:
    chosen = args.only or tuple(SECTIONS)
    if unknown := set(chosen) - set(SECTIONS):
        raise InputError(f"only: expected some of {', '.join(SECTIONS)}, got {min(unknown)!r}")
    about = machine()
    earlier = _earlier(args.out / "results.json") if args.only else {}
    kept = earlier.get("sections", {})
    if earlier and earlier["machine"] != about:
        raise InputError(
            f"only: expected the page in {args.out} to be of this machine and these versions, got "
            "another; measure everything"
        )
    for name in chosen:
        print(f"{name} ...", flush=True)
        before, start = load(), time.monotonic()
        tables = SECTIONS[name](args)
        kept[name] = {
            "command": _command(args, name),
            "date": time.strftime("%Y-%m-%d"),
            "load": before,
            "seconds": round(time.monotonic() - start, 1),
            "tables": [dataclasses.asdict(table) for table in tables],
        }
        print(_section(kept[name]))
        ordered = {key: kept[key] for key in SECTIONS if key in kept}
        write_json(args.out / "results.json", {"machine": about, "sections": ordered})
        write_text(args.out / "README.md", page(about, ordered))
    print(args.out / "README.md")


def page(about: dict[str, Any], sections: dict[str, Any]) -> str:
    """The whole page, as Markdown."""
    loads = [section["load"] for section in sections.values() if section["load"] is not None]
    quiet = not loads or max(loads) < about["cores"] + 1
    minutes = sum(section["seconds"] for section in sections.values()) / 60
    dates = sorted({section["date"] for section in sections.values()})
    lines = [
        "# Benchmarks",
        "",
        f"`make bench` writes this page (this one on {', '.join(dates)}, in {minutes:.0f} minutes);"
        " the same figures are in `results.json`. Both sides of a ratio were measured in the same"
        " run, in turns where they are short: ratios are what to look at, times depend on the"
        " machine.",
        "",
        *(f"- {name}: {value}" for name, value in about.items()),
    ]
    if loads:
        lines.append(f"- load before each section: {min(loads):g} to {max(loads):g}")
    if not quiet:
        lines += ["", "**The machine was busy with other work: p99 above all is too high.**"]
    lines += [
        "",
        "What takes hours has its own page: likelihoods in `results/density`, an hour of driving "
        "in `results/teleop`, success of the scripted expert in `results/expert`, training on"
        " files of up to 10^7 steps in `results/data`.",
        "",
    ]
    return "\n".join(lines) + "\n" + "\n".join(map(_section, sections.values()))


def _command(args: Args, name: str) -> str:
    """The command that measures this section again."""
    options = {"only": name}
    for field in dataclasses.fields(args):
        value = getattr(args, field.name)
        if field.name in ("steps", "episodes", "scale") and value != field.default:
            options[field.name] = f"{value:g}"
    return "python -m benchmarks all " + " ".join(f"--{k} {v}" for k, v in options.items())


def _section(section: dict[str, Any]) -> str:
    tables = (Table(**table) for table in section["tables"])
    return "\n".join(markdown(table, section["command"]) for table in tables)


def _earlier(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"only: expected JSON in {file}, got something else") from error


if __name__ == "__main__":
    run(main)
