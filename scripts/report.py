"""Compare the results of several runs on one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from mac_control.cli import run
from mac_control.errors import DataError, InputError
from mac_control.loop.results import earlier_results


@dataclass
class Args:
    """One self-contained HTML page: the runs side by side, then each by itself."""

    runs: Annotated[list[Path], tyro.conf.Positional]
    """Folders that evaluate wrote, each with a results.json."""
    out: Path = Path("report.html")
    """Page to write."""


def main(args: Args) -> int | None:
    from mac_control.suites.html import write_page
    from mac_control.suites.tables import comparison_table, differences, markdown

    names = [folder.name or str(folder.absolute()) for folder in args.runs]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in args.runs]
    if not args.runs or len(set(names)) < len(names):
        raise InputError(f"runs: expected different folders, got {', '.join(names) or 'none'}")
    results = dict(zip(names, map(_result, args.runs), strict=True))
    folders = [_file(run).parent for run in args.runs]
    write_page(args.out, results, dict(zip(names, folders, strict=True)))
    print("\n\n".join([markdown(comparison_table(results)), *differences(results)]))
    print(args.out)


def _file(run: Path) -> Path:
    return run / "results.json" if run.is_dir() else run


def _result(folder: Path) -> dict[str, Any]:
    file = _file(folder)
    if not file.is_file():
        raise DataError(
            f"{folder}: expected a results.json in it, got none; "
            "'mac-control evaluate --out FOLDER' writes one"
        )
    result = earlier_results(file)
    if not result["rows"]:
        raise DataError(f"{file}: expected at least one row, got none; run its command again")
    return result


if __name__ == "__main__":
    run(main)
