"""Runs a suite: makes its data, trains its entrants, evaluates its blocks; resumable throughout."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mac_control.demonstrations import Demonstrations
from mac_control.errors import InputError
from mac_control.files import write_text
from mac_control.loop import evaluate
from mac_control.loop.video import VIDEOS
from mac_control.parallel import Backend
from mac_control.suites.data import expect_used, source_data
from mac_control.suites.folder import add_rows, earlier_of
from mac_control.suites.html import markdown_report, write_page
from mac_control.suites.suite import Block, Suite
from mac_control.suites.training import train_entrants

Row = dict[str, Any]


def run_suite(
    suite: Suite,
    out: str | Path,
    source: str | Path | None = None,
    *,
    workers: int | Backend | None = None,
    about: Mapping[str, Any] | None = None,
    videos: bool = False,
) -> list[Row]:
    """Rows of a suite; the same call resumes an interrupted run.

    Writes in `out`: `data/` and `policies/` per fold, `results.json` and `.md`, and `report.html`,
    a page that needs no other file. Besides the entries of :func:`evaluate`, rows have `block`,
    `follow` and `fold`. Existing rows of other entrants and blocks of the suite stay.

    Args:
        suite: what to run; `suite.quick()` checks that everything works.
        out: folder for all output.
        source: demonstrations, as in :func:`load_demonstrations`.
        workers: processes, or a backend; None is every core.
        about: further entries of the results (the command, say); JSON values.
        videos: film the first episode of each row of the first fold, in `videos/`, for the page.

    Raises:
        InputError: no blocks, too few demonstrations for the folds, or what the suite would not
            look at.
        CheckpointError, DataError: `out` holds output of another configuration.
    """
    out, suite = Path(out), suite.used()
    if not suite.blocks:
        raise InputError(
            f"blocks: expected at least one of the suite {suite.name} with the chosen policies, "
            "got none; choose others (--blocks, --only)"
        )
    expect_used(suite, source)
    declared = json.loads(json.dumps(dataclasses.asdict(suite)))
    earlier_of(out, declared)  # before hours of training, as it may be damaged
    demonstrations = source_data(suite, source)
    parts: Sequence[tuple[Demonstrations | None, Demonstrations | None]] = [(None, None)]
    if demonstrations is not None:
        wanted = suite.size.demonstrations
        parts = [
            (_first(seen, wanted), held_out)
            for seen, held_out in folds(demonstrations, suite.size.folds)[: suite.size.run_folds]
        ]
    policies = train_entrants(suite, [seen for seen, _ in parts], out, workers)
    earlier = earlier_of(out, declared)["rows"]
    provenance = None if demonstrations is None else demonstrations.provenance
    add = functools.partial(add_rows, out, declared, {**(about or {}), "data": provenance})
    rows: list[Row] = []

    for fold, (seen, held_out) in enumerate(parts):
        for block in suite.blocks:
            extra = {"block": block.title, "follow": block.follow, "fold": fold}
            before = rows
            found = _evaluate(
                suite,
                block,
                policies[fold],
                held_out if block.follow == "held-out" else seen,
                workers,
                [row for row in [*earlier, *rows] if row.get("fold") == fold],
                lambda new, before=before, extra=extra: add(
                    [*before, *({**row, **extra} for row in new)]
                ),
                first=fold * _per_fold(suite),
                videos=out / VIDEOS if videos and fold == 0 else None,
            )
            rows = [*before, *({**row, **extra} for row in found)]
    result = add(rows, complete=True)
    write_text(out / "results.md", markdown_report(result))
    write_page(out / "report.html", {suite.name: result}, {suite.name: out})
    return rows


def _first(seen: Demonstrations, count: int | None) -> Demonstrations:
    if count is not None and count > len(seen):
        raise InputError(
            f"demonstrations: expected at most {len(seen)}, as many as there are to learn from, "
            f"got {count}"
        )
    return seen if count is None else seen.select(range(count))


def folds(
    demonstrations: Demonstrations, count: int
) -> list[tuple[Demonstrations, Demonstrations]]:
    """`count` pairs (seen, held out), each episode held out once; 1: all episodes in both.

    Example:
        >>> import numpy as np
        >>> from mac_control.demonstrations import Episode
        >>> five = Demonstrations([Episode(np.zeros((2, 3)), np.zeros((2, 1)))] * 5)
        >>> [(len(seen), len(held_out)) for seen, held_out in folds(five, 2)]
        [(2, 3), (3, 2)]
    """
    if count == 1:
        return [(demonstrations, demonstrations)]
    if len(demonstrations) < 2 * count:
        raise InputError(
            f"folds: expected at least {2 * count} demonstrations for {count} folds, "
            f"got {len(demonstrations)}"
        )
    every = range(len(demonstrations))
    return [
        (
            demonstrations.select([i for i in every if i % count != fold]),
            demonstrations.select([i for i in every if i % count == fold]),
        )
        for fold in range(count)
    ]


def _per_fold(suite: Suite) -> int:
    """Episodes of a row in one fold."""
    return -(-suite.size.episodes // (suite.size.run_folds or suite.size.folds))


def _evaluate(
    suite: Suite,
    block: Block,
    policies: Mapping[str, list[str]],
    operators_follow: Demonstrations | None,
    workers: int | Backend | None,
    done: list[Row],
    on_row: Any,
    first: int,
    videos: Path | None = None,
) -> list[Row]:
    labels = block.entrants or [entrant.label for entrant in suite.entrants]
    num_given = block.num_given
    if suite.size.num_given is not None:
        num_given = num_given[: suite.size.num_given]
    return evaluate(
        [path for label in labels for path in policies[label]],
        block.operators,
        num_given,
        episodes=math.ceil(block.share * _per_fold(suite)),
        seed=first,  # different episodes in each fold
        workers=workers,
        proxies=policies[suite.proxy] if suite.proxy is not None else None,
        demonstrations=operators_follow,
        env_options=dict(suite.env),
        trust=block.trust,
        done=done,
        on_row=on_row,
        videos=videos,
        progress=True,
    )
