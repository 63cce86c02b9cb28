"""What one worker does at a time: a group of episodes of one cell of an evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from mac_control.demonstrations import Demonstrations, load_demonstrations
from mac_control.envs import KitchenEnv, make_kitchen
from mac_control.errors import EpisodeError
from mac_control.loop.metrics import episode_metrics
from mac_control.loop.rollouts import rollout_group
from mac_control.loop.video import film
from mac_control.operators import make_operator
from mac_control.policies import Policy
from mac_control.policies.arbitrated import Arbitrated

#: Episodes that run in lockstep. Part of what settles the last bits of every result.
GROUP_SIZE = 20
#: Side of a film's pictures: a page holds many of them [pixels].
_SIDE = 240


@dataclass(frozen=True, eq=False)
class Group:
    """Episodes of one cell; a path or source stands for what a worker loads, once."""

    cell: int
    seeds: tuple[int, ...]
    policy: str | Policy
    operator: str
    given: int | None
    proxy: str | Policy | None
    demonstrations: str | Demonstrations | None
    env: tuple[tuple[str, Any], ...]
    arbitrate: float | None = None
    video: str | None = None  # file for a film of the first episode


@dataclass(frozen=True)
class Outcome:
    """Reward, success and metrics of each episode of a group, and the time it took [s]."""

    rewards: list[float]
    successes: list[bool]
    seconds: float
    metrics: list[dict[str, float | None]] = field(default_factory=list)


def try_group(group: Group) -> Outcome | str:
    """Run the episodes; what went wrong in one, where policy, operator or environment failed."""
    try:
        return run_group(group)
    except EpisodeError as error:
        return str(error)


def run_group(group: Group) -> Outcome:
    """Run the episodes; what comes out follows from the group alone."""
    with _filmed(group, _envs(group.env, len(group.seeds))) as (envs, picture):
        return _run(group, envs, picture)


def _run(group: Group, envs: Sequence[KitchenEnv], picture: Callable[[], None] | None) -> Outcome:
    policy = _policy(group.policy, "policy")
    if group.arbitrate is not None:
        policy = Arbitrated(policy, group.arbitrate)
    demonstrations = group.demonstrations
    resources = {
        "policy": None if group.proxy is None else _policy(group.proxy, "proxy"),
        "demonstrations": _demonstrations(demonstrations)
        if isinstance(demonstrations, str)
        else demonstrations,
    }
    operators = [
        make_operator(
            group.operator,
            action_dim=policy.action_dim,
            given=group.given,
            env=env,  # some operators look at the simulation
            **resources,
        )
        for env in envs
    ]
    start = time.perf_counter()
    try:
        found = rollout_group(envs, policy, operators, seeds=group.seeds, on_step=picture)
    finally:
        for operator in operators:
            operator.close()
    seconds = time.perf_counter() - start
    return Outcome(
        rewards=[t.reward for t in found],
        successes=[bool(t.success) for t in found],
        metrics=[episode_metrics(t) for t in found],
        seconds=seconds,
    )


@contextmanager
def _filmed(
    group: Group, envs: list[KitchenEnv]
) -> Iterator[tuple[list[KitchenEnv], Callable[[], None] | None]]:
    """The environments, the first of them one that is filmed where the group asks for it."""
    if group.video is None:
        yield envs, None
        return
    options = {**dict(group.env), "render_mode": "rgb_array", "width": _SIDE, "height": _SIDE}
    env = make_kitchen(**options)
    shown = -1.0
    try:
        with film(env, group.video) as add:

            def picture() -> None:
                nonlocal shown
                if env.data.time != shown:  # else its episode is over, and others go on
                    shown = env.data.time
                    add()

            yield [env, *envs[1:]], picture
    finally:
        env.close()  # before the next one: freed later, it would take that one's pictures along


def _policy(source: str | Policy, role: str) -> Policy:
    if isinstance(source, Policy):
        return source
    record = Path(source) / "policy.json"
    # A folder that was trained into again holds another policy.
    return _loaded(source, role, record.stat().st_mtime_ns if record.exists() else 0)


@lru_cache(maxsize=8)
def _loaded(path: str, role: str, written: int) -> Policy:
    # By role: a policy that keeps state is never its own operator.
    from mac_control.checkpoint import load_policy

    return load_policy(path)


@lru_cache(maxsize=2)
def _demonstrations(source: str) -> Demonstrations:
    return load_demonstrations(source)


@lru_cache(maxsize=1)
def _made(options: tuple[tuple[str, Any], ...]) -> list[KitchenEnv]:
    return []


def _envs(options: tuple[tuple[str, Any], ...], count: int) -> list[KitchenEnv]:
    envs = _made(options)
    while len(envs) < count:
        envs.append(envs[0].twin() if envs else make_kitchen(**dict(options)))
    return envs[:count]
