"""Search for settings, with the same budget for every policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.demonstrations import Demonstrations
from mac_control.errors import InputError
from mac_control.files import write_json
from mac_control.loop import evaluate
from mac_control.parallel import Backend
from mac_control.policies import policy_class
from mac_control.training import preset
from mac_control.training.many import Job, train_many
from mac_control.training.presets import step_cost

#: Setting -> a range (low, high), searched on a logarithmic scale, or a list of choices.
Space = dict[str, tuple[float, float] | list[Any]]

#: What is searched for each policy: as many settings each, beside the learning rate.
SPACES: dict[str, Space] = {
    "bc": {"width": [128, 256, 512], "depth": [2, 3, 4]},
    "mixture_bc": {"width": [128, 256, 512], "components": [3, 5, 10]},
    "ibc": {"width": [128, 256], "negatives": [8, 32]},
    "diffusion": {"width": [128, 256, 512], "resample": [1, 3]},
    "mac": {"width": [128, 256, 512], "fill": ["mean", "mode"]},
}
LEARNING_RATE = (3e-4, 3e-3)

# Far from 0, where evaluations begin: nothing is tuned on the episodes it is rated by.
_SEED = 2_000_000


def tune(
    name: str,
    demonstrations: Demonstrations,
    out: str | Path,
    *,
    trials: int = 20,
    steps: int = 3000,
    operator: str = "tracker",
    given: tuple[int, ...] = (0, 3),
    episodes: int = 10,
    seed: int = 0,
    workers: int | Backend | None = None,
) -> dict[str, Any]:
    """The best settings by mean reward in rollouts; the same call goes on where it stopped.

    Every policy has the same number of trials, time of training and episodes: as many gradient
    steps as take as long as `steps` of MAC's, and nothing is tuned on the episodes that suites
    rate it by. Optuna's TPE proposes. Writes `study.db`, and `tuning.json` with all trials, in
    `out`.

    Args:
        name: which policy.
        demonstrations: what to learn, and what an operator that tracks follows.
        out: folder for everything.
        trials: settings to try in all.
        steps: gradient steps of each, where the policy is MAC.
        operator: spec of the operator in rollouts.
        given: numbers of dimensions it gives; a trial's value is the mean over them.
        episodes: for each of them.
        seed: of training, and of what is proposed.
        workers: processes, or a backend, for training and rollouts; None is every core.

    Raises:
        InputError: Optuna is missing, or there is no space for the policy.
    """
    try:
        import optuna
    except ImportError as error:
        raise InputError(
            "tune: expected the package optuna, got none; pip install 'mac-control[tune]'"
        ) from error
    if name not in SPACES:
        raise InputError(f"policy: expected one of {', '.join(SPACES)}, got {name!r}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    steps = max(1, steps * step_cost("mac") // step_cost(name))
    budget = {"trials": trials, "steps": steps, "episodes": episodes, "seed": seed}
    budget |= {"operator": operator, "given": list(given), "policy": name}

    def objective(trial: Any) -> float:
        settings = _proposed(trial, SPACES[name])
        lr = trial.suggest_float("lr", *LEARNING_RATE, log=True)
        job = Job(
            name,
            demonstrations,
            out / f"trial-{trial.number}",
            seed,
            preset(name, steps=steps, lr=lr),
            policy_class(name).Config(**settings),
        )
        (folder,) = train_many([job], workers=workers, progress=False)
        rows = evaluate(
            [folder],
            [operator],
            given,
            episodes=episodes,
            seed=_SEED,
            workers=workers,
            proxies=[folder] if operator.startswith("proxy") else None,
            demonstrations=demonstrations,
        )
        return float(np.mean([row["reward_mean"] for row in rows]))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{out / 'study.db'}",
        study_name=name,
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=seed),
    )
    left = trials - len(study.get_trials(states=[optuna.trial.TrialState.COMPLETE]))
    study.optimize(objective, n_trials=max(0, left), callbacks=[_writer(out, budget)])
    return _record(study, budget)


def _proposed(trial: Any, space: Space) -> dict[str, Any]:
    return {
        key: trial.suggest_categorical(key, choices)
        if isinstance(choices, list)
        else trial.suggest_float(key, *choices, log=True)
        for key, choices in space.items()
    }


def _writer(out: Path, budget: dict[str, Any]) -> Callable[[Any, Any], None]:
    return lambda study, trial: write_json(out / "tuning.json", _record(study, budget))


def _record(study: Any, budget: dict[str, Any]) -> dict[str, Any]:
    done = [t for t in study.trials if t.value is not None]
    best = max(done, key=lambda t: t.value)
    return {
        "budget": budget,
        "best": {"value": best.value, "settings": best.params},
        "trials": [{"value": t.value, "settings": t.params} for t in done],
    }
