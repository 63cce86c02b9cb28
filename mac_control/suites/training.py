"""Trains the entrants of a suite, in all of its folds together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mac_control.checkpoint import load_policy, save_policy
from mac_control.demonstrations import Demonstrations
from mac_control.errors import InputError
from mac_control.parallel import Backend
from mac_control.policies import LearnedPolicy, policy_class
from mac_control.policies.retrieval import Retrieval
from mac_control.suites.data import training_data
from mac_control.suites.suite import PolicySpec, Size, Suite
from mac_control.training import TrainConfig, preset
from mac_control.training.many import Job, train_many


def train_entrants(
    suite: Suite,
    seen: Sequence[Demonstrations | None],
    out: Path,
    workers: int | Backend | None,
) -> list[dict[str, list[str]]]:
    """Checkpoints of each entrant in each fold, `LABEL=PATH`; those already in `out` are kept.

    Args:
        suite: which entrants are trained, on what, for how long.
        seen: for each fold the demonstrations that are not held out; None: the suite collects its
            own.
        out: folder for `data/` and `policies/`.
        workers: processes, or a backend; None is every core.
    """
    size = suite.size
    # First, so that a wrong setting raises before any data are made.
    trainings = {each.label: _training(each, size) for each in suite.entrants if not each.weights}
    jobs: list[Job] = []
    taught: list[Job] = []  # by policies of `jobs`
    borrowed: list[tuple[Path, Path, PolicySpec, Demonstrations]] = []
    policies: list[dict[str, list[str]]] = []
    for fold, demonstrations in enumerate(seen):
        folder = out / "data" / f"{suite.data}-{size.made}-fold-{fold}"
        made = training_data(suite, demonstrations, folder, workers)
        home, named = out / "policies" / f"fold-{fold}", {}
        for entrant in suite.entrants:
            folders = [home / entrant.label / f"seed-{seed}" for seed in range(size.seeds)]
            named[entrant.label] = [f"{entrant.label}={folder}" for folder in folders]
            for seed, folder in enumerate(folders):
                if entrant.weights:
                    borrowed.append((home / entrant.weights / folder.name, folder, entrant, made))
                    continue
                config, turn = config_of(entrant), jobs
                if entrant.teacher:
                    teacher = home / entrant.teacher / folder.name
                    config, turn = replace(config, teacher=str(teacher)), taught
                training = trainings[entrant.label]
                turn.append(Job(entrant.policy, made, folder, seed, training, config))
        policies.append(named)
    for turn in (jobs, taught):
        train_many(turn, workers=workers)
    for lender, folder, entrant, made in borrowed:
        _borrow(lender, folder, entrant, made)
    return policies


def _training(entrant: PolicySpec, size: Size) -> TrainConfig:
    within = entrant.config.get("policy", entrant.policy)  # the wrapped policy
    changes = {"bf16": size.bf16, "device": size.device, **entrant.training}
    if "steps" in changes:
        changes["steps"] = max(1, round(size.stretch * changes["steps"]))
    if size.steps is not None:  # overrides the entrant's own
        changes["steps"] = size.steps
    return preset(within, size.scale, **changes)


def _borrow(lender: Path, folder: Path, entrant: PolicySpec, made: Demonstrations) -> None:
    policy = load_policy(lender)
    assert isinstance(policy, LearnedPolicy)  # it was just trained
    known = {name: policy.checkpoint[name] for name in ("training", "data")}
    if entrant.policy == policy.name:
        policy.config = config_of(entrant)
    else:
        settings = {name: value for name, value in entrant.config.items() if name != "policy"}
        policy = Retrieval.wrap(policy, made, **settings)
    save_policy(folder, policy, **known)


def config_of(entrant: PolicySpec) -> Any:
    """The configuration of an entrant's policy.

    Example:
        >>> config_of(PolicySpec("small", "bc", {"width": 16})).width
        16
    """
    try:
        return policy_class(entrant.policy).Config(**entrant.config)
    except TypeError as error:
        raise InputError(f"{entrant.label}: config: {error}") from error
