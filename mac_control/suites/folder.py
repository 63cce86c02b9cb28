"""The results in a suite's folder, to which several runs may add, even at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mac_control.errors import DataError
from mac_control.files import locked, write_json
from mac_control.json_read import ADVICE
from mac_control.loop.report import versions
from mac_control.loop.results import earlier_results

Row = dict[str, Any]

_FILE = "results.json"
#: Fields of a suite's size that policies depend on.
_TRAINED = ("scale", "steps", "stretch", "demonstrations", "folds")


def earlier_of(out: Path, suite: Mapping[str, Any]) -> Row:
    """The results of earlier runs of a suite, which is given as JSON values.

    Raises:
        DataError: they are damaged, or of something else.
    """
    results = earlier_results(out / _FILE)
    before = results.get("suite")
    if isinstance(before, dict) and before.get("name") == suite["name"]:
        if different := _different(before, suite):
            raise DataError(
                f"{out / _FILE}: expected results of the same settings, got others "
                f"({', '.join(different)}); take another --out"
            )
        return results
    if before is not None or results["rows"]:
        got = f"those of {before['name']}" if isinstance(before, dict) else "others"
        raise DataError(
            f"{out / _FILE}: expected results of the suite {suite['name']}, got {got}{ADVICE}"
        )
    return results


def add_rows(
    out: Path, suite: Row, about: Mapping[str, Any], rows: list[Row], *, complete: bool = False
) -> Row:
    """Add a run's rows to the results, in place of those of the same cases; returns the results.

    Where the run is `complete`, it replaces all earlier rows of its policies in its blocks.
    """
    out.mkdir(parents=True, exist_ok=True)

    def place(row: Row) -> tuple[Any, ...]:
        case = ("fold", "policy", "operator", "trust", "num_given", "train_seed")
        return row.get("block"), row["policy"], *(() if complete else map(row.get, case))

    with locked(out):
        last = earlier_of(out, suite)
        made = set(map(place, rows))
        result = {
            **about,
            "suite": _joined(suite, last.get("suite")),
            "versions": versions(),
            "rows": rows + [row for row in last["rows"] if place(row) not in made],
        }
        write_json(out / _FILE, result)
    return result


def _different(before: Row, now: Mapping[str, Any]) -> list[str]:
    """Settings of two runs of a suite whose rows cannot be compared, as text."""
    names = _TRAINED if now["data"] == "raw" else (*_TRAINED, "made")
    pairs = [("env", before.get("env"), now["env"])]
    if isinstance(size := before.get("size"), dict):  # of any version
        pairs += [
            (f"size.{name}", size.get(name), now["size"][name]) for name in names if name in size
        ]
    return [f"{name}: {was}, now {wanted}" for name, was, wanted in pairs if was != wanted]


def _joined(suite: Row, earlier: Any) -> Row:
    """The suite, plus entrants and blocks that earlier calls ran, as their rows stay."""
    entrants: dict[str, Row] = {}
    blocks: dict[str, Row] = {}
    known = isinstance(earlier, dict) and {"entrants", "blocks"} <= earlier.keys()
    for part in (earlier, suite) if known else (suite,):
        labels = [each["label"] for each in part["entrants"]]
        entrants |= dict(zip(labels, part["entrants"], strict=True))
        for block in part["blocks"]:
            before = blocks.get(block["title"], {}).get("entrants", [])
            rated = dict.fromkeys([*before, *(block["entrants"] or labels)])
            blocks[block["title"]] = {**block, "entrants": [*rated]}
    return {**suite, "entrants": [*entrants.values()], "blocks": [*blocks.values()]}
