"""Many rollouts: every policy with every operator and every number of given dimensions."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mac_control.demonstrations import Demonstrations
from mac_control.envs.name import EnvName
from mac_control.errors import EpisodeError, InputError
from mac_control.loop.cases import EvalCase, called_bc, plan, source_of
from mac_control.loop.groups import GROUP_SIZE, Group, Outcome, try_group
from mac_control.loop.metrics import mean_metrics
from mac_control.loop.policies import EvalPolicy, resolve_policies
from mac_control.loop.statistics import bootstrap_interval
from mac_control.loop.video import require_video
from mac_control.parallel import Backend, run_many
from mac_control.policies import Policy
from mac_control.robot import Robot
from mac_control.seeds import whole_seed

#: One row of results, JSON values.
Row = dict[str, Any]


class RowsFailed(EpisodeError):
    """Some rows failed: `why` has a sentence for each; `rows` are the others."""

    def __init__(self, rows: list[Row], why: list[str]) -> None:
        super().__init__(
            f"{len(why)} of {len(rows) + len(why)} rows failed, the others are kept; {why[0]}"
        )
        self.rows, self.why = rows, why

    def __reduce__(self) -> Any:
        return type(self), (self.rows, self.why)


def evaluate(
    policies: str | Path | Sequence[str | Path | Policy | EvalPolicy],
    operators: str | Sequence[str] = ("nobody",),
    num_given: int | Sequence[int] = (0,),
    *,
    episodes: int = 20,
    seed: int = 0,
    workers: int | Backend | None = None,
    proxies: Sequence[str | Path | Policy] | None = None,
    demonstrations: str | Path | Demonstrations | None = None,
    env: str | EnvName | None = None,
    env_options: Mapping[str, Any] | None = None,
    robot: Robot | None = None,
    trust: str | float | None = None,
    done: Sequence[Row] = (),
    on_row: Callable[[list[Row]], None] | None = None,
    videos: str | Path | None = None,
    progress: bool = False,
) -> list[Row]:
    """Mean reward of each policy with each operator, run in parallel processes.

    Episode i has the seed `seed + i` in every row, so rows are compared on the same episodes;
    the results are the same whatever the workers.

    Args:
        policies: one or many: checkpoints (`NAME=PATH` to name one; a folder of `seed-N` stands
            for all of them), or policies, or what `resolve_policies` returned.
        operators: names as in :func:`make_operator`. `nobody` gives 0 dimensions, `everything`
            all, any other operator each number in `num_given`.
        num_given: numbers of given dimensions; which ones is drawn per episode. 0 is `nobody`,
            whatever the operator.
        episodes: per row.
        seed: of the first episode.
        workers: processes, or a backend; None is every core.
        proxies: policies that the operator `proxy` acts with: the one of the same training seed,
            or the only one. None: those of `policies` that are called `bc`.
        demonstrations: what the operator `tracker` follows; a source, or already loaded.
        env: as in :func:`mac_control.envs.make_env`; None: the one that the policy's demonstrations
            were recorded in, else the default. Options used for recording are the defaults.
        env_options: further options.
        robot: a description in place of the environment's own.
        trust: how exactly commands are executed: a standard deviation, `adaptive` or `z=2`, see
            :func:`mac_control.policies.trusted.trusting`; None: bit for bit.
        done: rows of an earlier run; those of the same configuration are not run again.
        on_row: called with all rows so far whenever one is complete.
        videos: folder for a film of the first episode of each row of a policy's first training
            seed, made at the end; existing files are kept. None: no films.
        progress: whether to show a bar over episodes.

    Returns:
        Rows with `policy`, `operator`, `num_given`, `train_seed`, `env` as text, how it differs
        from the one of the policy's data (`env_difference`), `trust`, `episodes`, `reward_mean`,
        `reward_ci95` (bootstrap over episodes), `measured` (what a reward is: `subtasks` done, or
        the `return`), `success_rate` (None where the environment reports none), `seconds`,
        `rewards` of the episodes, their `successes` and `goal_rewards`, mean `metrics` (see
        :func:`mac_control.loop.metrics.episode_metrics`), and `key`, a checksum of what
        determines the row; where it was filmed, the `video`'s name in the folder.

    Raises:
        InputError: nothing to run, unknown names, numbers out of range, no proxy that fits, or
            nothing to film with.
        RowsFailed: a policy, operator or environment failed in some rows; the others are
            finished first, passed to `on_row`, and kept in the error's `rows`.
    """
    seed = whole_seed(seed)
    if episodes < 1:
        raise InputError(f"episodes: expected at least 1, got {episodes}")
    if videos is not None:
        require_video()
    if isinstance(demonstrations, Path):
        demonstrations = str(demonstrations)
    chosen, options = EnvName.parse(env) if isinstance(env, str) else env, env_options or {}
    settings: dict[str, Any] = {"seed": seed, "episodes": episodes, "group_size": GROUP_SIZE}
    if robot is not None:
        settings["robot"] = robot.to_json()
    settings["demonstrations"] = checksum = _data_checksum(demonstrations)
    trusted = None if trust is None else str(trust)
    if trust is not None:
        settings["trust"] = trusted
    policies = [policies] if isinstance(policies, str | Path) else policies
    operators = [operators] if isinstance(operators, str) else operators
    num_given = [num_given] if isinstance(num_given, int) else num_given
    resolved = resolve_policies(policies)
    proxy_policies = resolve_policies(proxies) if proxies is not None else called_bc(resolved)
    cases = plan(resolved, operators, num_given, proxy_policies, settings, (chosen, options))
    earlier = {row["key"]: row for row in done if row.get("key")}
    rows = {  # rows of older versions have no `trust`
        i: {**earlier[case.key], "trust": trusted}
        for i, case in enumerate(cases)
        if case.key in earlier
    }
    tracked = (demonstrations, checksum)
    each = [
        _groups(index, case, episodes, seed, tracked, trust, robot, (chosen, options))
        for index, case in enumerate(cases)
    ]
    _expect_trust([case.policy for i, case in enumerate(cases) if i not in rows], trust)
    groups = [group for index in range(len(cases)) if index not in rows for group in each[index]]
    outcomes: dict[int, dict[int, Outcome]] = {}
    failed: dict[int, str] = {}
    with tqdm(total=sum(len(g.seeds) for g in groups), unit="episode", disable=not progress) as bar:
        for number, outcome in run_many(try_group, groups, workers):
            group = groups[number]
            if isinstance(outcome, str):
                failed.setdefault(group.case, outcome)
                continue
            parts = outcomes.setdefault(group.case, {})
            parts[number] = outcome
            bar.update(len(group.seeds))
            if sum(len(part.rewards) for part in parts.values()) == episodes:
                ordered = [parts[key] for key in sorted(parts)]
                rows[group.case] = _row(cases[group.case], ordered, group.env, trusted)
                if on_row is not None:
                    on_row([rows[key] for key in sorted(rows)])
    if videos is not None:
        for index, name in _record_videos(cases, each, Path(videos), workers, progress):
            if index in rows:
                rows[index] = {**rows[index], "video": name}
    made = [rows[key] for key in sorted(rows)]
    if failed:
        raise RowsFailed(made, [f"{cases[key].title}: {failed[key]}" for key in sorted(failed)])
    return made


def _expect_trust(policies: Sequence[EvalPolicy], trust: str | float | None) -> None:
    """Raise an InputError where a policy does not support `trust`, before any row is made."""
    if trust is None:
        return
    from mac_control.checkpoint import loaded_policy
    from mac_control.policies.trusted import trusting

    for policy in {policy.name: policy for policy in policies}.values():
        try:
            trusting(loaded_policy(policy.source, "policy"), trust)
        except InputError as error:
            raise InputError(f"{policy.name}: {error}") from error


def _record_videos(
    cases: Sequence[EvalCase],
    groups: Sequence[Sequence[Group]],
    folder: Path,
    workers: int | Backend | None,
    progress: bool,
) -> list[tuple[int, str]]:
    """Film first episodes; returns the case and the file name of each film."""
    first = {case.policy.name: case.policy for case in reversed(cases)}
    names = {
        index: f"{re.sub(r'[^a-zA-Z0-9.=]+', '-', case.title)}-{(case.key or '')[:8]}.mp4"
        for index, case in enumerate(cases)
        if case.policy is first[case.policy.name]
    }
    shots = [
        replace(groups[index][0], video=str(folder / name))
        for index, name in names.items()
        if cases[index].key is None or not (folder / name).exists()
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with tqdm(total=len(shots), unit="video", disable=not progress) as bar:
        for _ in run_many(try_group, shots, workers):
            bar.update()
    return [(index, name) for index, name in names.items() if (folder / name).exists()]


def _groups(
    index: int,
    case: EvalCase,
    episodes: int,
    seed: int,
    tracked: tuple[str | Demonstrations | None, str | None],
    trust: str | float | None,
    robot: Robot | None,
    env: tuple[EnvName | None, Mapping[str, Any]],
) -> list[Group]:
    seeds = range(seed, seed + episodes)
    return [
        Group(
            case=index,
            seeds=tuple(seeds[start : start + GROUP_SIZE]),
            policy=case.policy.source,
            operator=case.operator,
            num_given=None if source_of(case.operator) == "everything" else case.num_given,
            proxy=case.proxy.source if case.proxy is not None else None,
            demonstrations=tracked[0],
            checksum=tracked[1],
            env=case.policy.env_for(*env),
            robot=robot,
            trust=trust,
        )
        for start in range(0, episodes, GROUP_SIZE)
    ]


def _row(case: EvalCase, parts: Sequence[Outcome], env: EnvName, trust: str | None) -> Row:
    rewards = [reward for part in parts for reward in part.rewards]
    metrics = [each for part in parts for each in part.metrics]
    successes = [success for part in parts for success in part.successes]
    known = [success for success in successes if success is not None]
    return {
        "policy": case.policy.name,
        "operator": case.operator,
        "num_given": case.num_given,
        "train_seed": case.policy.train_seed,
        "env": str(env),
        "env_difference": case.policy.difference(env),
        "trust": trust,
        "episodes": len(rewards),
        "reward_mean": float(np.mean(rewards)),
        "reward_ci95": list(bootstrap_interval([rewards])),
        "measured": "subtasks" if all(part.subtasks for part in parts) else "return",
        "success_rate": float(np.mean(known)) if len(known) == len(successes) else None,
        "seconds": round(sum(part.seconds for part in parts), 3),
        "rewards": rewards,
        "successes": list(map(float, known)) if len(known) == len(successes) else None,
        "goal_rewards": [each["goal_reward"] for each in metrics],
        "metrics": mean_metrics(metrics),
        "key": case.key,
    }


def _data_checksum(demonstrations: str | Demonstrations | None) -> str | None:
    if demonstrations is None:
        return None
    if isinstance(demonstrations, str):
        from mac_control.demonstrations import load_demonstrations

        demonstrations = load_demonstrations(demonstrations)
    digest = hashlib.sha256()
    if demonstrations.robot is not None:  # a tracker uses its gains
        digest.update(json.dumps(demonstrations.robot.to_json(), sort_keys=True).encode())
    for episode in demonstrations:
        digest.update(episode.observations.tobytes() + episode.actions.tobytes())
    return digest.hexdigest()
