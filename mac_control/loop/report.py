"""Results of an evaluation as JSON, CSV, a Markdown table and a plot."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.figures import (
    legend_below,
    method_colours,
    method_labels,
    new_figure,
    operator_label,
)
from mac_control.files import atomic_path, locked, write_json, write_text
from mac_control.loop.evaluation import Row
from mac_control.loop.results import rows_without_suite
from mac_control.loop.statistics import bootstrap_interval, with_interval

#: Packages whose versions determine the figures.
PACKAGES = ("mac-control", "torch", "numpy", "mujoco", "gymnasium", "gymnasium-robotics")

CSV_COLUMNS = [
    *("policy", "operator", "num_given", "train_seed", "episodes", "measured"),
    *("reward_mean", "reward_low", "reward_high", "success_rate", "seconds", "trust"),
]


def driven_by(row: Row) -> str:
    """The operator, and how exactly its commands are executed unless that is bit for bit.

    Example:
        >>> driven_by({"operator": "proxy", "num_given": 3, "trust": "z=2"})
        'proxy+trust:z=2'
    """
    trust = row.get("trust") if row["num_given"] else None
    return row["operator"] if trust is None else f"{row['operator']}+trust:{trust}"


def summarize(rows: Sequence[Row]) -> list[Row]:
    """One row per policy, operator, trust and number of given dimensions, over training seeds.

    `reward_mean` is the mean over seeds of their means; `reward_ci95` is
    :func:`bootstrap_interval`, over training seeds and episodes.
    """
    cases: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        cases.setdefault((row["policy"], driven_by(row), row["num_given"]), []).append(row)
    return [
        {
            "policy": policy,
            "operator": part[0]["operator"],
            "trust": part[0].get("trust"),
            "num_given": given,
            "train_seeds": [row["train_seed"] for row in part],
            "episodes": sum(row["episodes"] for row in part),
            "reward_mean": float(np.mean([row["reward_mean"] for row in part])),
            "reward_ci95": list(
                bootstrap_interval(
                    [row["rewards"] for row in part], folds=[row.get("fold") for row in part]
                )
            ),
            "measured": part[0].get("measured", "return"),
            "success_rate": mean_known([row["success_rate"] for row in part]),
        }
        for (policy, _, given), part in cases.items()
    ]


def measured(rows: Sequence[Row]) -> str:
    """What the rewards of these rows are: `subtasks done`, `success`, or else the `return`.

    Example:
        >>> measured([{"measured": "subtasks"}]), measured([{"measured": "return"}])
        ('subtasks done', 'return')
    """
    kinds = {row.get("measured", "return") for row in rows}
    names = {"subtasks": "subtasks done", "success": "success rate"}
    return names.get(kinds.pop(), "return") if len(kinds) == 1 else "return"


def note(rows: Sequence[Row]) -> str:
    """The sentence above a table of rewards."""
    return (
        f"{measured(rows).capitalize()}, mean [95 % interval, bootstrap over training seeds and "
        "episodes]."
    )


def mean_known(values: Sequence[float | None]) -> float | None:
    """Mean of the values that are not None; None where there are none."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def reward_text(row: Row) -> str:
    """The mean reward of a row of :func:`summarize`, with its interval."""
    return with_interval(row["reward_mean"], row["reward_ci95"])


def markdown_table(summary: Sequence[Row], value: Callable[[Row], str] = reward_text) -> str:
    """Reward with its interval: a line per policy and operator, a column per number given.

    With 0 given every operator is `nobody`, so that figure is in every line of its policy.

    Args:
        summary: rows of :func:`summarize`.
        value: makes the text of a cell; the default is reward and interval.

    Example:
        >>> cell = {"reward_mean": 2.5, "reward_ci95": [2.0, 3.0], "train_seeds": [0]}
        >>> print(markdown_table([{"policy": "bc", "operator": "nobody", "num_given": 0, **cell}]))
        | policy | operator | seeds | 0 given |
        |---|---|---|---|
        | BC | no operator | 1 | 2.50 [2.00, 3.00] |
    """
    columns = sorted({row["num_given"] for row in summary})
    lines = [["policy", "operator", "seeds", *[f"{count} given" for count in columns]]]
    lines.append(["---"] * len(lines[0]))
    called = method_labels(row["policy"] for row in summary)
    for (policy, operator), cases in curves(summary).items():
        seeds = str(max(len(row["train_seeds"]) for row in cases.values()))
        texts = [value(cases[given]) if given in cases else "" for given in columns]
        lines.append([called[policy], operator_label(operator), seeds, *texts])
    rule = "|" + "|".join(lines[1]) + "|"
    return "\n".join(rule if i == 1 else f"| {' | '.join(t)} |" for i, t in enumerate(lines))


def curves(summary: Sequence[Row]) -> dict[tuple[str, str], dict[int, Row]]:
    """Rows by policy and :func:`driven_by`, then by number given; 0 is the row of `nobody`."""
    found: dict[tuple[str, str], dict[int, Row]] = {}
    for row in summary:
        found.setdefault((row["policy"], driven_by(row)), {})[row["num_given"]] = row
    for (policy, operator), cases in found.items():
        alone = found.get((policy, "nobody"), {}).get(0)
        if alone is not None and operator.partition("+trust:")[0] != "everything":
            cases.setdefault(0, alone)
    return found


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that determine the figures."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in PACKAGES
    }


def write_report(folder: str | Path, rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """Write `results.json`, `results.csv`, `results.md` and `results.png`; returns the table.

    Args:
        folder: where to; each file is replaced whole.
        rows: as :func:`evaluate` returns them.
        about: where the figures come from (command, configuration, data); JSON values.
    """
    folder = Path(folder)
    summary = summarize(rows)
    table = markdown_table(summary)
    write_json(
        folder / "results.json",
        {**about, "versions": versions(), "rows": list(rows), "summary": summary},
    )
    write_text(folder / "results.csv", _csv(rows))
    command = f"\n\n    {about['command']}\n" if "command" in about else "\n"
    if measured(summary) == "return" and any(row["success_rate"] is not None for row in summary):
        table += f"\n\nSuccess rate.\n\n{markdown_table(summary, success_text)}"
    table = f"{note(summary)}\n\n{table}"
    write_text(folder / "results.md", table + _environments(rows) + command)
    plot(summary, folder / "results.png")
    return table


def add_report(
    folder: str | Path, rows: Sequence[Row], about: Mapping[str, Any], policies: Collection[str]
) -> str:
    """As :func:`write_report`, keeping the folder's rows of policies other than `policies`.

    Several runs may write into one folder, even at once.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        earlier = rows_without_suite(folder / "results.json")
        others = [row for row in earlier if row["policy"] not in policies]
        return write_report(folder, [*others, *rows], about)


def success_text(row: Row) -> str:
    """A success rate as text for a table; blank where the environment reports none.

    Example:
        >>> success_text({"success_rate": 0.25}), success_text({"success_rate": None})
        ('0.25', '')
    """
    return "" if row["success_rate"] is None else f"{row['success_rate']:.2f}"


def plot(summary: Sequence[Row], path: str | Path) -> None:
    """Write :func:`draw_curves` as a picture."""
    with atomic_path(path) as temporary:
        draw_curves(summary).savefig(temporary, dpi=150)


def draw_curves(summary: Sequence[Row]) -> Any:
    """A figure, reward against given dimensions: colour is the policy, line style the operator."""
    figure = new_figure(4.6)
    axes = figure.subplots()
    lines = curves(summary)
    # The figure of `nobody` is the first point of its policy's other lines.
    begun = {key[0] for key, cases in lines.items() if key[1] != "nobody" and 0 in cases}
    lines = {
        key: cases for key, cases in lines.items() if key[1] != "nobody" or key[0] not in begun
    }
    policies, operators = (list(dict.fromkeys(names)) for names in zip(*lines, strict=True))
    colours, called, one = method_colours(policies), method_labels(policies), len(operators) == 1
    for number, ((policy, operator), cases) in enumerate(lines.items()):
        given = np.array(sorted(cases), float)
        mean = np.array([cases[k]["reward_mean"] for k in sorted(cases)])
        low, high = np.array([cases[k]["reward_ci95"] for k in sorted(cases)]).T
        place, style = policies.index(policy), operators.index(operator)
        label = called[policy]
        axes.errorbar(
            given + 0.04 * number,  # side by side, so that intervals can be told apart
            mean,
            [np.maximum(mean - low, 0), np.maximum(high - mean, 0)],
            color=colours[policy],
            linestyle=("-", "--", ":", "-.")[style % 4],
            marker="osD^vPX"[place % 7],
            markersize=4,
            capsize=2,
            label=label if one else f"{label}; {operator_label(operator)}",
        )
    axes.set_xticks(sorted({row["num_given"] for row in summary}))
    what = measured(summary)
    axes.set(xlabel="dimensions that the operator drives", ylabel=f"{what}, mean and 95 % interval")
    title = f"{what[0].upper()}{what[1:]}"
    axes.set_title(f"{title}: {operator_label(operators[0])}" if one else title, fontsize=10)
    if what == "subtasks done":
        axes.set_ylim(bottom=0)
    legend_below(figure, axes, 2 if one else 1)
    return figure


def _environments(rows: Sequence[Row]) -> str:
    """The environments of the rows, and how they differ from those of the data."""
    found: dict[str, dict[str, None]] = {}  # ordered sets
    for row in rows:
        if row.get("env"):
            why = row.get("env_difference")
            found.setdefault(row["env"], {})[f"{row['policy']}: {why}" if why else ""] = None
    lines = []
    for env, differences in found.items():
        said = "; ".join(filter(None, differences))
        lines.append(f"- `{env}`" + (f", not as in the data of {said}" if said else ""))
    return "\n\nEnvironment:\n\n" + "\n".join(lines) if lines else ""


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        low, high = row["reward_ci95"]
        writer.writerow({**row, "reward_low": low, "reward_high": high})
    return text.getvalue()
