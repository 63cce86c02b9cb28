"""One unit of a worker's work: a group of episodes of one case of an evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import gymnasium

from mac_control.demonstrations import Demonstrations, load_demonstrations
from mac_control.envs import make_env, robot_of
from mac_control.envs.abilities import add_envs
from mac_control.envs.make import make_filmed
from mac_control.envs.name import EnvName
from mac_control.errors import EpisodeError
from mac_control.loop.metrics import episode_metrics
from mac_control.loop.rollouts import rollout_group
from mac_control.loop.video import WatchedEnv, record_video
from mac_control.operators import make_operator
from mac_control.policies import Policy
from mac_control.policies.trusted import trusting
from mac_control.robot import Robot

#: Episodes that run in lockstep. The last bits of every result depend on it.
GROUP_SIZE = 20
#: Side of a film's pictures, small as a page holds many films [pixels].
_SIDE = 240


@dataclass(frozen=True, eq=False)
class Group:
    """Episodes of one case; a worker loads each path or source once."""

    case: int
    seeds: tuple[int, ...]
    policy: str | Policy
    operator: str
    num_given: int | None
    proxy: str | Policy | None
    demonstrations: str | Demonstrations | None
    env: EnvName
    checksum: str | None = None  # of the demonstrations: a source may be rewritten
    robot: Robot | None = None
    trust: str | float | None = None
    video: str | None = None  # file for a film of the first episode


@dataclass(frozen=True)
class Outcome:
    """Reward, success and metrics of each episode of a group, and the time it took [s]."""

    rewards: list[float]
    successes: list[bool | None]
    seconds: float
    metrics: list[dict[str, float | None]] = field(default_factory=list)
    subtasks: bool = False  # whether rewards count subtasks


def try_group(group: Group) -> Outcome | str:
    """Run the episodes; the error's text where policy, operator or environment failed."""
    try:
        return run_group(group)
    except EpisodeError as error:
        return str(error)


def run_group(group: Group) -> Outcome:
    """Run the episodes; the outcome depends on the group alone."""
    with _recorded(group, _envs(group, len(group.seeds))) as (envs, picture):
        return _run(group, envs, picture)


def _run(
    group: Group, envs: Sequence[gymnasium.Env], picture: Callable[[], None] | None
) -> Outcome:
    from mac_control.checkpoint import loaded_policy

    policy = trusting(loaded_policy(group.policy, "policy"), group.trust)
    demonstrations = group.demonstrations
    resources = {
        "policy": None if group.proxy is None else loaded_policy(group.proxy, "proxy"),
        "demonstrations": _demonstrations(demonstrations, group.checksum)
        if isinstance(demonstrations, str)
        else demonstrations,
    }
    robot = robot_of(envs[0])
    operators = [
        make_operator(
            group.operator,
            action_dim=policy.action_dim,
            given=group.num_given,
            env=env,  # some operators look at the simulation
            robot=robot,
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
        successes=[t.success for t in found],
        subtasks=all(t.counts_subtasks for t in found),
        metrics=[episode_metrics(t, robot.rate) for t in found],
        seconds=seconds,
    )


@contextmanager
def _recorded(
    group: Group, envs: list[gymnasium.Env]
) -> Iterator[tuple[list[gymnasium.Env], Callable[[], None] | None]]:
    """The environments, the first one filmed where the group has a `video`."""
    if group.video is None:
        yield envs, None
        return
    env = WatchedEnv(make_filmed(group.env, group.robot, side=_SIDE))
    shown = -1
    try:
        with record_video(env, group.video) as add:

            def picture() -> None:
                nonlocal shown
                if env.steps != shown:  # else its episode is over while others continue
                    shown = env.steps
                    add()

            yield [env, *envs[1:]], picture
    finally:
        env.close()  # before the next film: freed later, it would break that one's rendering


@lru_cache(maxsize=2)
def _demonstrations(source: str, checksum: str | None) -> Demonstrations:
    return load_demonstrations(source)


_made: dict[str, Any] = {"key": None, "envs": []}  # of the last case only, to save memory


def _envs(group: Group, count: int) -> list[gymnasium.Env]:
    key = repr((group.env.name, sorted(group.env.options.items()), group.robot))
    if _made["key"] != key:
        for env in _made["envs"]:
            env.close()
        _made.update(key=key, envs=[])
    envs: list[gymnasium.Env] = _made["envs"]
    add_envs(envs, count, lambda: make_env(group.env, group.robot))
    return envs[:count]
