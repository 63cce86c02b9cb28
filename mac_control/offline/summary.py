"""What an offline evaluation found: means and intervals, and which policy is first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mac_control.loop.statistics import bootstrap_interval
from mac_control.offline.rate import DRAWS, NOMINAL

Row = Mapping[str, Any]

#: Metric -> heading, better direction (0: towards the nominal share), format.
METRICS = {
    "error": ("Error of what is filled in [standard deviations of the action]", -1, "{:.3f}"),
    "log_prob": ("Log-likelihood of what was done [nats]", 1, "{:.1f}"),
    "coverage": (
        f"Share of true values in the central {NOMINAL:.0%} of {DRAWS} draws",
        0,
        "{:.2f}",
    ),
}


def summarize(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One row for each policy and case, over seeds, folds and episodes.

    For trained policies, only seeds and folds that all of them have are counted, so that a run that
    was cut short compares like with like. Intervals are :func:`bootstrap_interval`, over training
    seeds and episodes.
    """
    trained = [row for row in rows if "steps" in row]
    done: dict[str, set[tuple[int, int]]] = {}
    for row in trained:
        done.setdefault(row["policy"], set()).add((row["seed"], row["fold"]))
    common = set.intersection(*done.values()) if done else set()
    parts: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if "steps" not in row or (row["seed"], row["fold"]) in common:
            parts.setdefault((row["policy"], row["case"]), []).append(row)
    summary, everything = [], {}
    for (policy, case), found_rows in parts.items():
        part = sorted(found_rows, key=lambda row: row.get("fold", 0))
        seeds = sorted({row["seed"] for row in part})
        found: dict[str, Any] = {"policy": policy, "case": case, "seeds": len(seeds)}
        found["num_given"] = part[0]["num_given"]
        found["seen"] = any(row.get("seen", False) for row in part)
        found["episodes"] = sum(len(row["error"]) for row in part) // len(seeds)
        for name in METRICS:
            if any(row[name] is None for row in part):
                found[name] = found[f"{name}_ci95"] = None
                continue
            values = [_in_order([row[name] for row in part if row["seed"] == s]) for s in seeds]
            everything[policy, case, name] = values
            found[name] = round(float(np.mean([np.mean(each) for each in values])), 4)
            found[f"{name}_ci95"] = [round(end, 4) for end in bootstrap_interval(values)]
        ranks = [row["ranks"] for row in part if row["ranks"] is not None]
        found["ranks"] = np.sum(ranks, 0).tolist() if ranks else None
        for name in ("latency_ms", "latency_p99_ms", "train_seconds", "steps"):
            known = [row[name] for row in part if name in row]
            found[name] = round(float(np.median(known)), 2) if known else None
        summary.append(found)
    _mark_first(summary, everything)
    return summary


def _in_order(folds: Sequence[Sequence[float]]) -> list[float]:
    """Values of all episodes in the order of the data: fold f of F has episodes f, f + F, ...

    Example:
        >>> _in_order([[0, 3, 6], [1, 4], [2, 5]])
        [0, 1, 2, 3, 4, 5, 6]
    """
    longest = range(max(map(len, folds)))
    return [fold[at] for at in longest for fold in folds if at < len(fold)]


def leader(summary: Sequence[Row], case: str, metric: str) -> tuple[str, bool] | None:
    """The best policy of a case, and whether it is ahead of each other one on the same episodes.

    None where fewer than two policies have the metric, or it has no better direction. Policies
    trained on the rated data do not count.
    """
    for row in summary:
        if row["case"] == case and row.get(f"{metric}_first") is not None:
            return row["policy"], row[f"{metric}_first"]
    return None


def _mark_first(summary: Sequence[dict[str, Any]], values: Mapping[Any, list[list[float]]]) -> None:
    """Add to the best row of each case and metric whether it is ahead of each other one.

    It is where the 95 % interval of the difference, over the same seeds and episodes, excludes 0.
    """
    for metric, (_, sign, _) in METRICS.items():
        for case in dict.fromkeys(row["case"] for row in summary):
            rows = [row for row in summary if row["case"] == case and not row["seen"]]
            rows = [row for row in rows if row[metric] is not None]
            if sign == 0 or len(rows) < 2:
                continue
            best = max(rows, key=lambda row: sign * row[metric])
            mine = values[best["policy"], case, metric]
            leads = []
            for row in rows:
                other = values[row["policy"], case, metric]
                alike = len({len(mine), len(other), 1}) < 3 and len(set(map(len, mine + other))) < 2
                if row is not best and alike:  # a checkpoint counts as of every seed
                    less = sign * np.subtract(mine, other)
                    leads.append(bootstrap_interval(less.tolist())[0])
            best[f"{metric}_first"] = len(leads) == len(rows) - 1 and min(leads) > 0


def verdicts(summary: Sequence[Row]) -> list[str]:
    """A sentence per case: which policy is first, and whether it is ahead of each other one."""
    found = []
    for metric in ("error", "log_prob"):
        for case in dict.fromkeys(row["case"] for row in summary):
            first = leader(summary, case, metric)
            if first is not None:
                how = "ahead of each other one" if first[1] else "not ahead of each other one"
                what = "error" if metric == "error" else "log-likelihood"
                found.append(f"{what}, {case} given: {first[0]} first ({how})")
    return found
