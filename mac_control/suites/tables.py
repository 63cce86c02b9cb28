"""Tables of results: reward, harm and the other metrics, per block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mac_control.errors import InputError
from mac_control.figures import method_labels, operator_label
from mac_control.loop.metrics import paired_difference
from mac_control.loop.report import (
    curves,
    driven_by,
    mean_known,
    measured,
    reward_text,
    summarize,
)
from mac_control.loop.statistics import mean_and_interval

Row = Mapping[str, Any]
#: Heading and lines, all text.
Table = list[list[str]]

#: Metric -> heading and format.
METRICS = {
    "effort": ("effort", ".2f"),
    "unwanted": ("unwanted subtasks", ".2f"),
    "acceptance_rate": ("acceptance rate", ".2f"),
    "obedience": ("obedience", ".2f"),
    "seconds_to_success": ("time to success [s]", ".1f"),
    "steps_to_success": ("steps to success", ".0f"),
    "log_prob_per_dim": ("log-likelihood of a given entry [nats]", ".2f"),
    "wrong_auc": ("AUC of telling a wrong operator", ".2f"),
    "jerk": ("jerk of filled-in dimensions", ".4f"),
}


def by_block(rows: Sequence[Row], reward: str = "rewards") -> dict[str, list[dict[str, Any]]]:
    """Rows by the block they belong to, with the reward that the suite reports as `rewards`."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        chosen = {**row, "rewards": row[reward], "reward_mean": float(np.mean(row[reward]))}
        if reward == "successes":
            chosen["measured"] = "success"
        found.setdefault(row.get("block", ""), []).append(chosen)
    return found


def reward_table(rows: Sequence[Row]) -> Table:
    """Mean reward with its interval: a line per policy and operator, a column per number given."""
    summary = summarize(rows)
    columns = sorted({row["num_given"] for row in summary})
    table = [["policy", "operator", "runs", *(f"{k} given" for k in columns)]]
    called = method_labels(row["policy"] for row in summary)
    for (policy, operator), cells in curves(summary).items():
        runs = max(len(row["train_seeds"]) for row in cells.values())
        texts = [reward_text(cells[k]) if k in cells else "" for k in columns]
        table.append([called[policy], operator_label(operator), str(runs), *texts])
    return table


def harm_table(rows: Sequence[Row]) -> Table | None:
    """Reward(k) − reward(0) on the same episodes, with its interval; None without such pairs."""
    columns = sorted({row["num_given"] for row in rows if row["num_given"]})
    table = [["policy", "operator", *(f"{k} given − alone" for k in columns)]]
    called = method_labels(row["policy"] for row in rows)
    for policy, operator in dict.fromkeys((r["policy"], driven_by(r)) for r in rows):
        own = [row for row in rows if row["policy"] == policy]
        alone = [row for row in own if row["operator"] == "nobody"]
        if operator == "nobody" or not alone:
            continue
        texts = []
        for k in columns:
            part = [row for row in own if driven_by(row) == operator and row["num_given"] == k]
            texts.append(_difference(part, alone) if part else "")
        table.append([called[policy], operator_label(operator), *texts])
    return table if len(table) > 1 else None


def metric_table(rows: Sequence[Row]) -> Table | None:
    """Means of the other metrics that some row has; None where no row has any."""
    with_metrics = [row for row in rows if row.get("metrics")]
    if not with_metrics:
        return None
    known = {name for row in with_metrics for name, v in row["metrics"].items() if v is not None}
    if "seconds_to_success" in known:
        known.discard("steps_to_success")
    shown = {name: said for name, said in METRICS.items() if name in known}
    table = [["policy", "operator", "given", "success", *(text for text, _ in shown.values())]]
    cells: dict[tuple[str, str, int], list[Row]] = {}
    for row in with_metrics:
        cells.setdefault((row["policy"], driven_by(row), row["num_given"]), []).append(row)
    called = method_labels(row["policy"] for row in with_metrics)
    for (policy, operator, given), part in cells.items():
        texts = []
        for name, (_, form) in shown.items():
            values = [r["metrics"][name] for r in part if r["metrics"].get(name) is not None]
            texts.append(f"{np.mean(values):{form}}" if values else "")
        rate = mean_known([row["success_rate"] for row in part])
        success = "" if rate is None else f"{rate:.2f}"
        table.append([called[policy], operator_label(operator), str(given), success, *texts])
    return table


def comparison_table(results: Mapping[str, Mapping[str, Any]]) -> Table:
    """The same cells of several runs side by side: run name -> its `results.json`."""
    cells: dict[tuple[str, str, str, int], dict[str, str]] = {}
    kinds = {}
    for name, result in results.items():
        blocks = by_block(result["rows"], result.get("suite", {}).get("reward", "rewards"))
        kinds[name] = measured([row for rows in blocks.values() for row in rows])
        for block, rows in blocks.items():
            for row in summarize(rows):
                key = (block, row["policy"], driven_by(row), row["num_given"])
                cells.setdefault(key, {})[name] = reward_text(row)
    alike = len(set(kinds.values())) == 1
    headings = list(kinds) if alike else [f"{name} ({what})" for name, what in kinds.items()]
    table = [["block", "policy", "operator", "given", *headings]]
    called = method_labels(policy for _, policy, _, _ in cells)
    for (block, policy, operator, given), texts in cells.items():
        line = [block, called[policy], operator_label(operator), str(given)]
        table.append([*line, *(texts.get(name, "") for name in results)])
    return table


def differences(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A sentence for each policy that the runs rated in different environments.

    Example:
        >>> rows = {name: {"rows": [{"policy": "bc", "env": name}]} for name in ("Ant", "Hopper")}
        >>> differences(rows)
        ['BC: not in the same environment, so not to be compared: Ant in Ant; Hopper in Hopper']
    """
    found: dict[str, dict[str, str]] = {}
    for name, result in results.items():
        envs: dict[str, dict[str, None]] = {}  # ordered sets
        for row in result["rows"]:
            if row.get("env"):  # rows of older versions have none
                envs.setdefault(row["policy"], {})[row["env"]] = None
        for policy, its in envs.items():
            found.setdefault(policy, {})[name] = " and ".join(its)
    called = method_labels(found)
    return [
        f"{called[policy]}: not in the same environment, so not to be compared: "
        + "; ".join(f"{name} in {env}" for name, env in its.items())
        for policy, its in found.items()
        if len(set(its.values())) > 1
    ]


def markdown(table: Table) -> str:
    """A table in Markdown.

    Example:
        >>> print(markdown([["a", "b"], ["1", "2"]]))
        | a | b |
        |---|---|
        | 1 | 2 |
    """
    lines = [f"| {' | '.join(line)} |" for line in table]
    lines.insert(1, "|" + "---|" * len(table[0]))
    return "\n".join(lines)


def _difference(rows: Sequence[Row], alone: Sequence[Row]) -> str:
    try:
        samples = paired_difference(rows, alone)
    except InputError:
        return ""
    return mean_and_interval(samples, "+", [row.get("fold") for row in rows])
