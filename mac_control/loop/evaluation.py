"""Many rollouts: every policy with every operator and every number of given dimensions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mac_control.demonstrations import Demonstrations
from mac_control.errors import EpisodeError, InputError
from mac_control.loop.groups import GROUP_SIZE, Group, Outcome, try_group
from mac_control.loop.metrics import mean_metrics
from mac_control.loop.plan import Cell, called_bc, contend, plan, source_of
from mac_control.loop.statistics import bootstrap_interval
from mac_control.loop.video import ready_to_film
from mac_control.parallel import Backend, run_many
from mac_control.policies import Policy

#: One row of results, JSON values.
Row = dict[str, Any]


class RowsFailed(EpisodeError):
    """Some rows could not be made; `rows` are the others, `why` has a sentence for each."""

    def __init__(self, rows: list[Row], why: list[str]) -> None:
        super().__init__(
            f"{len(why)} of {len(rows) + len(why)} rows failed, the others are kept; {why[0]}"
        )
        self.rows, self.why = rows, why

    def __reduce__(self) -> Any:
        return type(self), (self.rows, self.why)


def evaluate(
    policies: Sequence[str | Path | Policy],
    operators: Sequence[str] = ("nobody",),
    given: Sequence[int] = (0,),
    *,
    episodes: int = 20,
    seed: int = 0,
    workers: int | Backend | None = None,
    proxies: Sequence[str | Path | Policy] | None = None,
    demonstrations: str | Path | Demonstrations | None = None,
    env: Mapping[str, Any] | None = None,
    arbitrate: float | None = None,
    done: Sequence[Row] = (),
    on_row: Callable[[list[Row]], None] | None = None,
    videos: str | Path | None = None,
    progress: bool = False,
) -> list[Row]:
    """Mean reward in the kitchen of each policy with each operator, over processes.

    Episode i has the seed `seed + i` in every row, so rows are compared on the same episodes;
    the results are the same whatever the workers.

    Args:
        policies: checkpoints (`NAME=PATH` to name one; a folder of `seed-N` is all of them), or
            policies.
        operators: names as in :func:`make_operator`. `nobody` gives 0 dimensions, `everything`
            all, any other one each number in `given`.
        given: numbers of dimensions, drawn per episode; 0 is `nobody`, whoever the operator.
        episodes: per row.
        seed: of the first episode.
        workers: processes, or a backend; None is every core.
        proxies: policies in the seat of the operator `proxy`: the one of the same training seed,
            or the only one. None: those of `policies` that are called `bc`.
        demonstrations: what the operator `tracker` follows; a source, or loaded already.
        env: options of :func:`make_kitchen`; `tasks` and `obs` follow from the policy.
        arbitrate: overrule an operator whose commands lie this many standard deviations off, see
            :class:`mac_control.policies.arbitrated.Arbitrated`; None: never.
        done: rows of an earlier run; those of the same configuration are not run again.
        on_row: called with all rows so far whenever one is complete.
        videos: folder for a film of the first episode of each row of a policy's first training
            seed, made in the end; files that are there are not made again. None: none.
        progress: whether to show a bar over episodes.

    Returns:
        Rows with `policy`, `operator`, `given`, `train_seed`, `episodes`, `reward_mean`,
        `reward_ci95` (bootstrap over episodes), `success_rate`, `seconds` of computing time,
        `rewards` of the episodes, their `goal_rewards`, mean `metrics` (see
        :func:`mac_control.loop.metrics.episode_metrics`), and `key`, a checksum of what settles
        the row; where it was filmed, the `video`'s name in the folder.

    Raises:
        InputError: nothing to run, names or numbers that are not known, no proxy that fits, or
            nothing to film with.
        RowsFailed: a policy, operator or environment failed in some rows; the others are made
            first, told to `on_row`, and in the error's `rows`.
    """
    if episodes < 1:
        raise InputError(f"episodes: expected at least 1, got {episodes}")
    if videos is not None:
        ready_to_film()
    if isinstance(demonstrations, Path):
        demonstrations = str(demonstrations)
    settings = {"seed": seed, "episodes": episodes, "group_size": GROUP_SIZE, **(env or {})}
    settings["demonstrations"] = _data_checksum(demonstrations)
    if arbitrate is not None:
        settings["arbitrate"] = arbitrate
    contenders = contend(policies)
    seats = contend(proxies) if proxies is not None else called_bc(contenders)
    cells = plan(contenders, operators, given, seats, settings)
    earlier = {row["key"]: row for row in done if row.get("key")}
    rows = {i: earlier[cell.key] for i, cell in enumerate(cells) if cell.key in earlier}
    each = [
        _groups(index, cell, episodes, seed, demonstrations, env or {}, arbitrate)
        for index, cell in enumerate(cells)
    ]
    groups = [group for index in range(len(cells)) if index not in rows for group in each[index]]
    outcomes: dict[int, dict[int, Outcome]] = {}
    failed: dict[int, str] = {}
    with tqdm(total=sum(len(g.seeds) for g in groups), unit="episode", disable=not progress) as bar:
        for number, outcome in run_many(try_group, groups, workers):
            group = groups[number]
            if isinstance(outcome, str):
                failed.setdefault(group.cell, outcome)
                continue
            parts = outcomes.setdefault(group.cell, {})
            parts[number] = outcome
            bar.update(len(group.seeds))
            if sum(len(part.rewards) for part in parts.values()) == episodes:
                ordered = [parts[key] for key in sorted(parts)]
                rows[group.cell] = _row(cells[group.cell], ordered)
                if on_row is not None:
                    on_row([rows[key] for key in sorted(rows)])
    if videos is not None:
        for index, name in _film(cells, each, Path(videos), workers, progress):
            if index in rows:
                rows[index] = {**rows[index], "video": name}
    made = [rows[key] for key in sorted(rows)]
    if failed:
        raise RowsFailed(made, [f"{cells[key].title}: {failed[key]}" for key in sorted(failed)])
    return made


def _film(
    cells: Sequence[Cell],
    groups: Sequence[Sequence[Group]],
    folder: Path,
    workers: int | Backend | None,
    progress: bool,
) -> list[tuple[int, str]]:
    """Films of first episodes, and the cells that they are of."""
    first = {cell.policy.name: cell.policy for cell in reversed(cells)}
    names = {
        index: f"{re.sub(r'[^a-zA-Z0-9.=]+', '-', cell.title)}-{(cell.key or '')[:8]}.mp4"
        for index, cell in enumerate(cells)
        if cell.policy is first[cell.policy.name]
    }
    shots = [
        replace(groups[index][0], video=str(folder / name))
        for index, name in names.items()
        if cells[index].key is None or not (folder / name).exists()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with tqdm(total=len(shots), unit="video", disable=not progress) as bar:
        for _ in run_many(try_group, shots, workers):
            bar.update()
    return [(index, name) for index, name in names.items() if (folder / name).exists()]


def _groups(
    index: int,
    cell: Cell,
    episodes: int,
    seed: int,
    demonstrations: str | Demonstrations | None,
    env: Mapping[str, Any],
    arbitrate: float | None,
) -> list[Group]:
    options = {"obs": cell.policy.obs, **env}
    if cell.policy.tasks is not None:
        options.setdefault("tasks", cell.policy.tasks)
    seeds = range(seed, seed + episodes)
    return [
        Group(
            cell=index,
            seeds=tuple(seeds[start : start + GROUP_SIZE]),
            policy=cell.policy.source,
            operator=cell.operator,
            given=None if source_of(cell.operator) == "everything" else cell.given,
            proxy=cell.proxy.source if cell.proxy is not None else None,
            demonstrations=demonstrations,
            env=tuple(sorted(options.items())),
            arbitrate=arbitrate,
        )
        for start in range(0, episodes, GROUP_SIZE)
    ]


def _row(cell: Cell, parts: Sequence[Outcome]) -> Row:
    rewards = [reward for part in parts for reward in part.rewards]
    metrics = [each for part in parts for each in part.metrics]
    return {
        "policy": cell.policy.name,
        "operator": cell.operator,
        "given": cell.given,
        "train_seed": cell.policy.train_seed,
        "episodes": len(rewards),
        "reward_mean": float(np.mean(rewards)),
        "reward_ci95": list(bootstrap_interval([rewards])),
        "success_rate": float(np.mean([success for part in parts for success in part.successes])),
        "seconds": round(sum(part.seconds for part in parts), 3),
        "rewards": rewards,
        "goal_rewards": [each["goal_reward"] for each in metrics],
        "metrics": mean_metrics(metrics),
        "key": cell.key,
    }


def _data_checksum(demonstrations: str | Demonstrations | None) -> str | None:
    if demonstrations is None:
        return None
    if isinstance(demonstrations, str):
        from mac_control.demonstrations import load_demonstrations

        demonstrations = load_demonstrations(demonstrations)
    digest = hashlib.sha256()
    for episode in demonstrations:
        digest.update(episode.observations.tobytes() + episode.actions.tobytes())
    return digest.hexdigest()
