"""Collects demonstrations of any operator in any environment, alone or with a policy."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from mac_control.checkpoint import loaded_policy
from mac_control.checkpoint_record import policy_digest
from mac_control.collection.generate import generate_dataset
from mac_control.collection.noise import ActionNoise, check_disturbance
from mac_control.collection.simulate import achieved, shared_demonstrations, shared_env
from mac_control.collection.taught import Taught
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.envs import make_env, robot_of
from mac_control.envs.abilities import subtasks_of
from mac_control.envs.checked import Checked, attribute_errors
from mac_control.envs.describe import fitting_robot
from mac_control.envs.name import EnvName
from mac_control.envs.shared_autonomy import check_fit
from mac_control.errors import InputError
from mac_control.operators import Operator, make_operator
from mac_control.operators.spec import operator_digest, tracked_source
from mac_control.parallel import Backend
from mac_control.partial import PartialAction
from mac_control.robot import Robot
from mac_control.training.batches import digest


@dataclass(frozen=True)
class Collection:
    """How episodes are collected.

    Args:
        env: the environment.
        operator: spec of an operator, such as `policy:CHECKPOINT`; without a policy it has to give
            every dimension.
        policy: checkpoint that fills in the dimensions that the operator leaves free; the labels
            are the executed actions, and the given dimensions are recorded. None: no policy.
        teacher: with a policy, spec of an operator that gives every dimension: the labels are what
            it would do in the states that operator and policy reach, and every episode is kept
            (DAgger).
        noise: largest step of the AR(1) noise on random subsets of dimensions, as a share of half
            the action box; the label is the operator's reaction to it; no noise with a policy.
        clean: share of the episodes without noise.
        min_reward: least reward of an episode to keep it; see
            :func:`mac_control.collection.simulate.achieved`.
        attempts: simulations of an episode, with different noise, until one is kept.
        data: demonstrations that trackers follow, as in :func:`load_demonstrations`.

    Raises:
        InputError: a number out of range.
    """

    env: EnvName = field(default_factory=EnvName)
    operator: str = "expert"
    policy: str | None = None
    teacher: str | None = None
    noise: float = 0.12
    clean: float = 0.1
    min_reward: float | None = None
    attempts: int = 3
    data: str | None = None

    def __post_init__(self) -> None:
        check_disturbance(self.noise, self.clean, self.attempts)
        if self.teacher is not None and self.policy is None:
            raise InputError(
                "teacher: expected a policy too, which drives while the teacher says what it would "
                "do, got none"
            )
        if self.min_reward is not None and not np.isfinite(self.min_reward):
            raise InputError(f"min_reward: expected a finite number, got {self.min_reward}")


@dataclass(frozen=True)
class Wanted:
    """An episode to collect; `seed` determines everything drawn at random."""

    collection: Collection
    seed: tuple[int, int]
    robot: Robot | None = None  # in place of the environment's own
    weights: str | None = None  # digest of the policy when collecting began


def collect_dataset(
    env: EnvName,
    out: str | Path,
    episodes: int,
    seed: int = 0,
    robot: Robot | None = None,
    workers: int | Backend | None = None,
    **collection: Any,
) -> Demonstrations:
    """Collect episodes into a data set, as :func:`generate_dataset` does.

    Args:
        env: the environment.
        out: the Minari data set to write, an id or a folder.
        episodes: number of episodes to try.
        seed: seed of everything drawn at random.
        robot: a description in place of the environment's own.
        workers: processes, or a backend; None is every core.
        collection: the other fields of :class:`Collection`.

    Raises:
        InputError: an operator or a policy that does not fit the environment, or as
            :func:`generate_dataset`.
    """
    how = Collection(env, **collection)
    specs = [spec for spec in (how.operator, how.teacher) if spec is not None]
    how = replace(how, data=tracked_source(specs, how.data))
    # Without a teacher, as before there was this field, so that older work can be resumed.
    left_out = {"data"} | ({"teacher"} if how.teacher is None else set())
    recorded = {k: v for k, v in asdict(how).items() if k not in left_out}
    settings: dict[str, Any] = {"episodes": episodes, "seed": seed, "collection": recorded}
    if how.data is not None:
        settings["data"] = digest(shared_demonstrations(how.data))  # whatever its path
    with closing(make_env(env, robot)) as made:
        own, tasks, record = robot_of(made), subtasks_of(made), env.to_json(made)
        # Check that everything fits before anything is written.
        if how.data is not None:
            fitting_robot(made, shared_demonstrations(how.data).action_dim)
        with closing(_operator(how, made)) as driver:
            obs = made.reset(seed=0)[0]
            with attribute_errors("operator", driver, "at its first step", but=(InputError,)):
                driver.reset(0)
                partial = driver.read(obs)
            if how.policy is None:
                _expect_all(partial, how)
        if how.policy is not None:
            policy = loaded_policy(how.policy, "policy")
            check_fit(made, policy)
            settings["weights"] = policy_digest(how.policy)
    # Another policy under the same name makes another data set.
    if digests := [found for spec in specs if (found := operator_digest(spec)) is not None]:
        settings["operators"] = digests
    if robot is not None:
        settings["robot"] = robot.to_json()
    about = {"made_by": "mac-control collect", "source": how.teacher or how.operator, "env": record}
    weights = settings.get("weights")
    items = [Wanted(how, (seed, index), robot, weights) for index in range(episodes)]
    return generate_dataset(collect, items, out, settings, tasks, about, own, workers)


def collect(item: Wanted) -> Episode | None:
    """The first attempt that achieved enough; None where none did.

    Raises:
        InputError: the operator does not give every dimension.
        EpisodeError: the environment failed.
    """
    rng = np.random.default_rng(item.seed)
    attempt = _attempt if item.collection.policy is None else _shared_attempt
    for _ in range(item.collection.attempts):
        episode = attempt(item, rng)
        if episode is not None:
            return episode
    return None


def _attempt(item: Wanted, rng: np.random.Generator) -> Episode | None:
    collection = item.collection
    env = Checked(shared_env(collection.env, item.robot))
    robot, space = robot_of(env), env.action_space
    half = (space.high - space.low) / 2
    strength = 0.0 if rng.random() < collection.clean else collection.noise
    noise = ActionNoise(robot.action_dim, rng, strength)
    operator = _operator(collection, env)
    obs, info = env.reset(seed=int(rng.integers(2**31)))
    operator.reset(int(rng.integers(2**31)))
    rows: dict[str, list[Any]] = {k: [] for k in ("observations", "actions", "executed", "rewards")}
    over = False
    while not over:
        partial = operator.read(obs)
        _expect_all(partial, collection)
        executed = np.clip(partial.values + half * noise.sample(), space.low, space.high)
        executed = executed.astype(np.float32)
        for name, value in (
            ("observations", np.array(obs, np.float32)),
            ("actions", np.clip(partial.values, space.low, space.high)),
            ("executed", executed),
        ):
            rows[name].append(value)
        obs, reward, terminated, truncated, info = env.step(executed)
        rows["rewards"].append(reward)
        over = terminated or truncated
    operator.close()
    if not achieved(env, rows["rewards"], info, collection.min_reward):
        return None
    return Episode(**{name: np.array(values, np.float32) for name, values in rows.items()})


def _shared_attempt(item: Wanted, rng: np.random.Generator) -> Episode | None:
    """An episode that the operator and the policy drive together."""
    from mac_control.loop import rollout

    collection = item.collection
    assert collection.policy is not None
    env = shared_env(collection.env, item.robot)
    policy = loaded_policy(collection.policy, "policy")
    if item.weights not in (None, policy_digest(collection.policy)):
        raise InputError(
            f"policy: expected {collection.policy} as it was when collecting began, got other "
            "weights; collect from a copy"
        )
    with closing(_operator(collection, env)) as operator:
        driven = rollout(env, policy, operator, seed=int(rng.integers(2**31)))
    info: dict[str, Any] = {"success": driven.success}
    if driven.counts_subtasks:
        info["tasks_done"] = driven.task_steps
    every = collection.teacher is not None and collection.min_reward is None
    if not every and not achieved(env, driven.rewards, info, collection.min_reward):
        return None
    labels = driven.actions
    if isinstance(operator, Taught):
        space = env.action_space
        labels = np.clip(operator.labels, space.low, space.high).astype(np.float32)
    return Episode(driven.observations, labels, driven.actions, driven.rewards, given=driven.given)


def _expect_all(partial: PartialAction, collection: Collection) -> None:
    if not partial.given.all():
        raise InputError(
            "operator: expected one that gives every dimension, or a policy that fills in the "
            f"rest, got {collection.operator} alone"
        )


def _operator(collection: Collection, env: gymnasium.Env) -> Operator:
    robot = robot_of(env)
    tracked = None if collection.data is None else shared_demonstrations(collection.data)

    def made(spec: str) -> Operator:
        return make_operator(
            spec, action_dim=robot.action_dim, env=env, robot=robot, demonstrations=tracked
        )

    operator = made(collection.operator)
    if collection.teacher is None:
        return operator
    try:
        return Taught(operator, made(collection.teacher), robot.action_dim)
    except InputError as error:
        raise InputError(f"teacher: {error}") from error
