"""Puts the ratings of several models on one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Args:
    """Tables of mean and spread over seeds, and learning curves, from files of evaluate --out."""

    results: tuple[Path, ...]
    """Files that evaluate wrote (.jsonl); one section each."""
    out: Path
    """Folder for README.md and curves.png."""
    title: str = "Density models"
    """Title of the page."""
    note: str = ""
    """Text at the top of the page: data, budget, command."""


def main(args: Args) -> int | None:
    from mac_control.density.reporting import figure, page, read_rows
    from mac_control.files import atomic_path, write_text

    sections = {path.stem: read_rows(path) for path in args.results}
    text = page(args.title, args.note, sections)
    with atomic_path(args.out / "curves.png") as temporary:
        figure(sections).savefig(temporary, dpi=85)
    write_text(args.out / "README.md", text)
    print(args.out / "README.md")
    return 0
