"""An offline evaluation as a table, a page and a figure."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from mac_control.errors import DataError
from mac_control.figures import legend_below, method_colours, method_label, new_figure
from mac_control.files import atomic_path, write_json, write_text
from mac_control.json_read import ADVICE, json_object
from mac_control.loop.report import versions
from mac_control.offline.rate import DRAWS, NOMINAL
from mac_control.offline.summary import METRICS, Row, leader, summarize, verdicts
from mac_control.suites.html import STYLE, html_table
from mac_control.suites.tables import markdown


def tables(summary: Sequence[Row]) -> dict[str, list[list[str]]]:
    """Heading -> a table, a line for each policy; **bold** where :func:`leader` is ahead."""
    policies = list(dict.fromkeys(row["policy"] for row in summary))
    cases = list(dict.fromkeys(row["case"] for row in summary))
    cells = {(row["policy"], row["case"]): row for row in summary}
    called = {row["policy"]: row["policy"] + _mark(row) for row in summary}
    found = {}
    for metric, (title, _, form) in METRICS.items():
        head = ["policy", *cases]
        lines = []
        for policy in policies:
            texts = []
            for case in cases:
                row = cells.get((policy, case))
                if row is None or row[metric] is None:
                    texts.append("")
                    continue
                low, high = row[f"{metric}_ci95"]
                text = f"{form.format(row[metric])} [{form.format(low)}, {form.format(high)}]"
                texts.append(
                    f"**{text}**" if leader(summary, case, metric) == (policy, True) else text
                )
            if any(texts):
                lines.append([called[policy], *texts])
        if lines:
            found[title] = [head, *lines]
    columns = {
        "steps": "{:.0f}",
        "train_seconds": "{:.0f}",
        "latency_ms": "{:.1f}",
        "latency_p99_ms": "{:.1f}",
    }
    head = [
        "policy",
        "training steps",
        "training [s of a core]",
        "one fill-in, median [ms]",
        "p99 [ms]",
    ]
    lines = []
    for policy in policies:
        rows = [row for row in summary if row["policy"] == policy]
        values = {n: [row[n] for row in rows if row[n] is not None] for n in columns}
        texts = [f.format(np.median(values[n])) if values[n] else "" for n, f in columns.items()]
        lines.append([called[policy], *texts])
    found["Cost"] = [head, *lines]
    return found


def _mark(row: Row) -> str:
    return " (not held out)" if row.get("seen") else ""


def draw(summary: Sequence[Row]) -> Any:
    """A figure: error, log-likelihood and coverage in each case, and the ranks of true values."""
    figure = new_figure(12.0)
    axes = dict(zip([*METRICS, "ranks"], figure.subplots(4, 1), strict=True))
    policies = list(dict.fromkeys(row["policy"] for row in summary))
    cases = list(dict.fromkeys(row["case"] for row in summary))
    colours = method_colours(policies)
    for number, policy in enumerate(policies):
        rows = {row["case"]: row for row in summary if row["policy"] == policy}
        shift = 0.7 * ((number + 0.5) / len(policies) - 0.5)
        mark = _mark(next(iter(rows.values())))
        look = {"color": colours[policy], "label": method_label(policy) + mark}
        for metric in METRICS:
            known = [c for c in cases if c in rows and rows[c][metric] is not None]
            if not known:
                continue
            mean = np.array([rows[c][metric] for c in known])
            low, high = np.array([rows[c][f"{metric}_ci95"] for c in known]).T
            axes[metric].errorbar(
                np.array([cases.index(c) for c in known]) + shift,
                mean,
                [np.maximum(mean - low, 0), np.maximum(high - mean, 0)],
                fmt="osD^vPX"[number % 7],
                markersize=4,
                capsize=2,
                **look,
            )
        ranks = [row["ranks"] for row in rows.values() if row["ranks"] is not None]
        if ranks:
            share = np.sum(ranks, 0) / np.sum(ranks)
            axes["ranks"].step(range(DRAWS + 1), share, where="mid", color=colours[policy])
    for metric, (title, _, _) in METRICS.items():
        axes[metric].set_xticks(range(len(cases)), [case.replace("_", " ") for case in cases])
        axes[metric].set_xlabel("given")
        axes[metric].set_title(title.replace(" [", "\n["), fontsize=10)
    axes["coverage"].axhline(NOMINAL, color="grey", linewidth=1)
    axes["ranks"].axhline(1 / (DRAWS + 1), color="grey", linewidth=1)
    axes["ranks"].set_title("Rank of the true value among the draws, all cases", fontsize=10)
    axes["ranks"].set(ylim=(0, None), xlabel="rank", ylabel="share")
    legend_below(figure, axes["error"])
    return figure


def expect_own(folder: str | Path) -> None:
    """Raise a DataError where a folder has results of rollouts, which would be overwritten."""
    path = Path(folder) / "results.json"
    expected = "results of evaluate --offline"
    if path.exists() and "first" not in json_object(path, expected, ADVICE):
        raise DataError(f"{path}: expected {expected}, got others; take another --out")


def write_report(folder: str | Path, rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """Write `results.json`, `.md`, `.png` and `report.html`; returns the Markdown.

    Writes nothing, and returns no text, while the policies have no fold in common yet.

    Args:
        folder: where to; each file is replaced whole.
        rows: as :func:`~mac_control.offline.run.evaluate_offline` returns them.
        about: where they come from (command, data); JSON values.

    Raises:
        DataError: the folder has results of rollouts.
    """
    folder = Path(folder)
    expect_own(folder)
    summary = summarize(rows)
    if not summary:
        return ""
    said = verdicts(summary)
    write_json(
        folder / "results.json",
        {**about, "versions": versions(), "first": said, "summary": summary},
    )
    figure = draw(summary)
    with atomic_path(folder / "results.png") as temporary:
        figure.savefig(temporary, dpi=90)
    seeds, episodes = (max(row[name] for row in summary) for name in ("seeds", "episodes"))
    note = (
        f"Whole episodes held out; mean [95 % interval, bootstrap over {seeds} training seeds and "
        f"{episodes} episodes]. Bold: ahead of each other policy, by "
        "the interval of the difference on the same episodes."
    )
    if seen := list(dict.fromkeys(row["policy"] for row in summary if row["seen"])):
        note += (
            f" Not held out, and not compared: {', '.join(seen)}; the checkpoint was trained on "
            "these data."
        )
    found = tables(summary)
    text = "\n\n".join([note, *(f"{title}\n\n{markdown(table)}" for title, table in found.items())])
    command = f"\n\n    {about['command']}" if "command" in about else ""
    write_text(folder / "results.md", f"{text}{command}\n")
    write_text(folder / "report.html", _page(note, found, said, figure, about))
    return text


def _page(
    note: str,
    found: Mapping[str, list[list[str]]],
    said: Sequence[str],
    figure: Any,
    about: Mapping[str, Any],
) -> str:
    drawn = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "mac-control"}):  # the same page every time
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    svg = drawn.getvalue()[drawn.getvalue().index("<svg") :]
    parts = [
        "<h1>Offline evaluation</h1>",
        f"<p>{html.escape(note)}</p>",
        f"<figure>{svg}</figure>",
    ]
    for title, table in found.items():
        shown = html_table([[text.strip("*") for text in line] for line in table])
        parts += [f"<h2>{html.escape(title)}</h2>", shown]
    parts += ["<ul>", *(f"<li>{html.escape(text)}</li>" for text in said), "</ul>"]
    how = html.escape(json.dumps(dict(about), indent=2, ensure_ascii=False, default=str))
    parts.append(f"<details><summary>How it was made</summary><pre>{how}</pre></details>")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Offline evaluation</title><style>{STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )
