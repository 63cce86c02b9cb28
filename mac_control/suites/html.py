"""Results as one page that needs no other file, and as Markdown."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

from mac_control.files import write_text
from mac_control.loop.report import curves, draw_curves, driven_by, measured, note, summarize
from mac_control.loop.video import VIDEOS
from mac_control.suites.tables import (
    Table,
    by_block,
    comparison_table,
    differences,
    harm_table,
    markdown,
    metric_table,
    reward_table,
)

Result = Mapping[str, Any]

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .7rem; text-align: left }
thead th { border-bottom: 2px solid #555 } svg { max-width: 100%; height: auto }
pre { overflow: auto; background: #f4f4f4; padding: .7rem }
.film { display: inline-block; width: 15rem; margin: .5rem 1rem .5rem 0; vertical-align: top }
.film video { width: 100% }
"""


def write_page(
    path: str | Path, results: Mapping[str, Result], folders: Mapping[str, Path]
) -> None:
    """Write results of one or several runs, run name -> its `results.json`, as HTML.

    The page includes the films in the runs' `folders`.
    """
    write_text(path, page(results, folders))


def page(results: Mapping[str, Result], folders: Mapping[str, Path]) -> str:
    """The page: for each run its tables, figures and films; for several, a comparison first."""
    parts: list[str] = []
    if len(results) > 1:
        parts += ["<h1>Comparison</h1>", html_table(comparison_table(results))]
        parts += [f"<p>{html.escape(text)}</p>" for text in differences(results)]
    for name, result in results.items():
        parts += _sections(name, result, folders[name] / VIDEOS)
    title = html.escape(", ".join(results))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def markdown_report(result: Result) -> str:
    """Reward and harm per block, and the command."""
    suite = result.get("suite", {})
    name, rows = suite.get("name", "results"), result["rows"]
    blocks = by_block(rows, suite.get("reward", "rewards"))
    lines = [f"# {name}", suite.get("question", ""), _note(blocks)]
    for block, part in blocks.items():
        lines += [f"## {block}" if block else "", markdown(reward_table(part))]
        if harm := harm_table(part):
            lines += [f"{_harm(part)}:", markdown(harm)]
    if "command" in result:
        lines.append(f"    {result['command']}")
    return "\n\n".join(line for line in lines if line) + "\n"


def _sections(name: str, result: Result, videos: Path) -> list[str]:
    suite = result.get("suite", {})
    blocks = by_block(result["rows"], suite.get("reward", "rewards"))
    parts = [f"<h1>{html.escape(name)}</h1>", f"<p>{html.escape(_note(blocks))}</p>"]
    for key in ("question", "goal"):
        if key in suite:
            parts.append(f"<p><b>{key.capitalize()}.</b> {html.escape(suite[key])}</p>")
    for block, rows in blocks.items():
        if block:
            parts.append(f"<h2>{html.escape(block)}</h2>")
        parts.append(html_table(reward_table(rows)))
        parts += _figures(summarize(rows))
        if harm := harm_table(rows):
            parts += [f"<h3>{_harm(rows)}</h3>", html_table(harm)]
        if metrics := metric_table(rows):
            parts += [
                "<details><summary>Other metrics</summary>",
                html_table(metrics),
                "</details>",
            ]
        if films := _films(rows, videos):
            parts += ["<details><summary>First episodes</summary>", *films, "</details>"]
    about = {key: value for key, value in result.items() if key not in ("rows", "summary")}
    text = html.escape(json.dumps(about, indent=2, ensure_ascii=False))
    return [*parts, f"<details><summary>How it was made</summary><pre>{text}</pre></details>"]


def _note(blocks: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    return note([row for rows in blocks.values() for row in rows])


def _harm(rows: Sequence[Mapping[str, Any]]) -> str:
    what = measured(rows)
    return f"{what.capitalize()} with the operator minus {what} alone"


def html_table(table: Table) -> str:
    """A table as HTML; its first line is the heading."""
    head, *lines = ([html.escape(text) for text in line] for line in table)
    body = "".join(f"<tr>{''.join(f'<td>{text}</td>' for text in line)}</tr>" for line in lines)
    heading = "".join(f"<th>{text}</th>" for text in head)
    return f"<table><thead><tr>{heading}</tr></thead><tbody>{body}</tbody></table>"


def _films(rows: Sequence[Mapping[str, Any]], folder: Path) -> list[str]:
    """The films of these rows, embedded in the page."""
    films = []
    for row in rows:
        file = folder / Path(row.get("video", "")).name
        if "video" in row and file.exists():
            data = base64.b64encode(file.read_bytes()).decode()
            caption = f"{row['policy']}, {driven_by(row)}, {row['num_given']} given; "
            caption += f"{measured([row])} {row['rewards'][0]:g}"
            films.append(
                f'<figure class="film"><video controls src="data:video/mp4;base64,{data}"></video>'
                f"<figcaption>{html.escape(caption)}</figcaption></figure>"
            )
    return films


def _figures(summary: Sequence[Mapping[str, Any]]) -> list[str]:
    """A figure for each operator that gives different numbers of dimensions."""
    alone = [row for row in summary if row["operator"] == "nobody"]
    figures = []
    for operator in dict.fromkeys(row["operator"] for row in summary):
        part = [row for row in summary if row["operator"] == operator]
        part += alone if operator != "nobody" else []
        if any(len(cells) > 2 for cells in curves(part).values()):
            figures.append(f"<figure>{_svg(part)}</figure>")
    return figures


def _svg(summary: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "mac-control"}):  # the same page every time
        draw_curves(summary).savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]  # without the XML heading
