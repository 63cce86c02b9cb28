"""Searches for settings, with the same budget for every policy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.demonstrations import Demonstrations
from mac_control.errors import (
    CheckpointError,
    DataError,
    DiskError,
    InputError,
    MacControlError,
    one_line,
)
from mac_control.files import write_json
from mac_control.json_read import ADVICE, json_object
from mac_control.loop import evaluate
from mac_control.loop.cases import expect_num_given
from mac_control.operators.spec import expect_operator
from mac_control.parallel import Backend, one_thread
from mac_control.policies import policy_class
from mac_control.seeds import whole_seed
from mac_control.suites.suite import REWARDS
from mac_control.training import preset
from mac_control.training.batches import digest
from mac_control.training.many import Job, train_many
from mac_control.training.timing import steps_in

#: Setting -> a range (low, high), searched on a logarithmic scale, or a list of choices.
Space = dict[str, tuple[float, float] | list[Any]]

#: Default gradient steps of a trial of MAC.
STEPS = 3000
LEARNING_RATE = (3e-4, 3e-3)
#: Searched, as noise helps on one robot and costs reward on another.
OBS_NOISE = [0.0, 0.1, 0.3]

# Far from 0, where evaluations begin, so that nothing is tuned on the episodes that rate it.
_SEED = 2_000_000


def tune(
    name: str,
    demonstrations: Demonstrations,
    out: str | Path,
    *,
    trials: int = 20,
    steps: int | None = None,
    seconds: float | None = None,
    operator: str = "tracker",
    num_given: tuple[int, ...] = (0, 3),
    episodes: int = 10,
    score: str = "rewards",
    seed: int = 0,
    workers: int | Backend | None = None,
    **env: Any,
) -> dict[str, Any]:
    """The best settings by mean score in rollouts; the same call resumes a search.

    Every policy has the same number of trials, training time and episodes: `seconds`, or as many
    gradient steps as usually take as long as `steps` of MAC; nothing is tuned on the episodes
    that suites rate it by. The defaults are tried first, then what Optuna's TPE proposes.
    Writes `tuning.json`, with all trials, in `out`, and resumes from it.

    Args:
        name: which policy.
        demonstrations: what to learn, and what the operator `tracker` follows.
        out: folder for all output.
        trials: number of settings to try in all.
        steps: gradient steps of each trial, where the policy is MAC; None: 3,000, or what
            `seconds` allow.
        seconds: in place of `steps`, training time of each trial on one core of this machine [s]:
            a wide network gets fewer steps.
        operator: spec of the operator in rollouts.
        num_given: numbers of dimensions it gives; a trial's value is the mean over them.
        episodes: rollouts for each of them.
        score: `rewards`, `goal_rewards` or `successes`, as in suites.
        seed: of training, and of the proposals.
        workers: processes, or a backend, for training and rollouts; None is every core.
        env: `env`, `env_options` and `robot` of :func:`mac_control.loop.evaluate`.

    Raises:
        InputError: Optuna is missing, an unknown policy, operator or score, no time to train, or
            `out` holds a search with another budget or other data.
    """
    try:
        import optuna
    except ImportError as error:
        raise InputError(
            "tune: expected the package optuna, got none; pip install 'mac-control[tune]'"
        ) from error
    seed = whole_seed(seed)
    cls = policy_class(name)
    if score not in REWARDS:
        raise InputError(f"score: expected one of {', '.join(REWARDS)}, got {score!r}")
    if seconds is not None and not 0 < seconds < float("inf"):
        raise InputError(f"seconds: expected a number above 0, got {seconds}")
    if steps is not None and seconds is not None:
        raise InputError(f"seconds: expected without steps, got both, {seconds} and {steps}")
    steps = STEPS if steps is None else steps
    for what, number in (("trials", trials), ("steps", steps), ("episodes", episodes)):
        if number < 1:
            raise InputError(f"{what}: expected at least 1, got {number}")
    expect_operator(operator)
    expect_num_given(num_given, demonstrations.action_dim)
    steps = max(1, steps * policy_class("mac").step_cost // cls.step_cost)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    training = {"steps": steps} if seconds is None else {"seconds": seconds}
    budget = {"trials": trials, **training, "episodes": episodes, "score": score, "seed": seed}
    budget |= {"operator": operator, "num_given": list(num_given), "policy": name}
    budget |= {"data": digest(demonstrations), "env": _json(env)}
    done = _expect_same(out / "tuning.json", budget)
    space = {**cls.search_space, "lr": LEARNING_RATE, "obs_noise": OBS_NOISE}

    def objective(trial: Any) -> float:
        settings = _proposed(trial, space)
        training = {key: settings.pop(key) for key in ("lr", "obs_noise")}
        config, own = preset(name, steps=steps, **training), cls.Config(**settings)
        folder = out / f"trial-{trial.number}"
        if seconds is not None:
            shutil.rmtree(folder, ignore_errors=True)  # half done, with other steps
            with one_thread():
                fit, _ = steps_in(seconds, name, demonstrations, folder, own, config)
            config = replace(config, steps=fit)
        trial.set_user_attr("steps", config.steps)
        job = Job(name, demonstrations, folder, seed, config, own)
        try:
            (folder,) = train_many([job], workers=workers, progress=False)
            rows = evaluate(
                [folder],
                [operator],
                num_given,
                episodes=episodes,
                seed=_SEED,
                workers=workers,
                proxies=[folder] if operator.startswith("proxy") else None,
                demonstrations=demonstrations,
                **env,
            )
        except (InputError, DataError, CheckpointError, DiskError):
            raise
        except MacControlError as error:  # these settings do not train, others may
            trial.set_user_attr("failed", one_line(error))
            raise _TrialFailed from error
        return float(np.mean([_figure(row, score) for row in rows]))

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.enqueue_trial(_defaults(name, space))
    for trial in done:  # replayed, so that the next proposals are the same
        again = study.ask()
        if _proposed(again, space) != trial["settings"]:
            raise InputError(
                f"out: expected a search that this version of Optuna and of the policy would make, "
                f"got other settings in trial {again.number} of {out}; name another folder"
            )
        for key in ("steps", "failed"):
            if key in trial:
                again.set_user_attr(key, trial[key])
        state = optuna.trial.TrialState.FAIL if trial["value"] is None else None
        study.tell(again, trial["value"], state)
    left, writer = max(0, trials - len(done)), _writer(out, budget)
    study.optimize(objective, n_trials=left, callbacks=[writer], catch=(_TrialFailed,))
    record = _record(study, budget)
    if record["best"] is None:
        raise MacControlError(
            f"{out}: expected settings that train, but every trial failed, the last one with: "
            f"{record['trials'][-1]['failed']}"
        )
    return record


class _TrialFailed(Exception):
    """Training or rating failed with a trial's settings."""


def _figure(row: dict[str, Any], score: str) -> float:
    if row[score] is None or None in row[score]:
        raise InputError(
            f"score: expected an environment that reports {score}, got none from {row['env']}; "
            "score by rewards"
        )
    return float(np.mean(row[score]))


def _json(env: dict[str, Any]) -> Any:
    """The settings of an environment, as JSON values; None where there are none."""
    said = {key: each for key, each in env.items() if each}
    made = {key: each.to_json() if hasattr(each, "to_json") else each for key, each in said.items()}
    return json.loads(json.dumps(made, default=str)) or None


def _expect_same(file: Path, budget: dict[str, Any]) -> list[dict[str, Any]]:
    """The trials of an earlier search in `file`.

    Raises:
        DataError: it is something else, or damaged.
        InputError: it has another budget or other data; only the number of trials may differ.
    """
    if not file.exists():
        return []
    record = json_object(file, "a search for settings", ADVICE)
    earlier, trials = record.get("budget"), record.get("trials")
    if not (isinstance(earlier, dict) and isinstance(trials, list) and all(map(_is_trial, trials))):
        raise DataError(f"{file}: expected a search for settings, got something else{ADVICE}")
    found = {**budget, **earlier, "trials": budget["trials"]}
    if different := sorted(k for k in found if found[k] != budget.get(k)):
        raise InputError(
            f"out: expected a search of the same budget in {file.parent}, got another "
            f"({', '.join(different)}); name another folder"
        )
    return trials


def _is_trial(trial: Any) -> bool:
    return isinstance(trial, dict) and {"value", "settings", "steps"} <= trial.keys()


def _proposed(trial: Any, space: Space) -> dict[str, Any]:
    return {
        key: trial.suggest_categorical(key, choices)
        if isinstance(choices, list)
        else trial.suggest_float(key, *choices, log=True)
        for key, choices in space.items()
    }


def _defaults(name: str, space: Space) -> dict[str, Any]:
    """The default settings, as far as the space contains them."""
    training, policy = preset(name), policy_class(name).Config()
    found = {key: getattr(policy if hasattr(policy, key) else training, key) for key in space}
    return {key: value for key, value in found.items() if _within(value, space[key])}


def _within(value: Any, range_: tuple[float, float] | list[Any]) -> bool:
    if isinstance(range_, list):
        return value in range_
    return range_[0] <= value <= range_[1]


def _writer(out: Path, budget: dict[str, Any]) -> Callable[[Any, Any], None]:
    return lambda study, trial: write_json(out / "tuning.json", _record(study, budget))


def _record(study: Any, budget: dict[str, Any]) -> dict[str, Any]:
    ended = [t for t in study.trials if t.value is not None or "failed" in t.user_attrs]
    trials = [{"value": t.value, "settings": t.params, **t.user_attrs} for t in ended]
    rated = [trial for trial in trials if trial["value"] is not None]
    best = max(rated, key=lambda trial: trial["value"], default=None)
    return {"budget": budget, "best": best, "trials": trials}
