"""Strange environments in every loop: an error of ours, or data recorded exactly as sent."""

from __future__ import annotations

import json
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.wrappers import TimeLimit
from tqdm import tqdm

from benchmarks.faults.strange import StrangeEnv, StrangeOperator, StrangePolicy
from mac_control.cli import run
from mac_control.envs.make import adapted
from mac_control.envs.shared_autonomy import SharedAutonomy
from mac_control.errors import MacControlError
from mac_control.files import write_json
from mac_control.loop import rollout
from mac_control.teleop.loop import Teleoperation
from mac_control.teleop.step import Step

#: Control steps of a case.
STEPS = 4


@dataclass
class Args:
    """Random spaces, returns and mutations through rollout, SharedAutonomy and Teleoperation.

    A fault is an error that is not one of ours, a recorded array that differs from what was sent,
    or an action outside the environment's space.
    """

    count: int = 1000
    """Number of environments; each goes through one of the three loops."""
    seed: int = 0
    """Seed of the first environment; each next one adds 1."""
    out: Path | None = None
    """JSON file for the figures."""


class Differs(Exception):
    """Something recorded differs from what was sent."""


def main(args: Args) -> int | None:
    began = time.monotonic()
    figures: dict[str, Any] = {name: {"cases": 0, "done": 0, "refused": 0} for name in LOOPS}
    faults: dict[str, str] = {}
    warnings.simplefilter("ignore")
    for seed in tqdm(range(args.seed, args.seed + args.count), mininterval=10):
        name = list(LOOPS)[seed % len(LOOPS)]
        outcome = try_case(name, seed)
        figures[name]["cases"] += 1
        if outcome in ("done", "refused"):
            figures[name][outcome] += 1
        else:
            faults.setdefault(outcome, f"{name}, seed {seed}")
            figures[name]["faults"] = figures[name].get("faults", 0) + 1
    took = round(time.monotonic() - began)
    result = {"cases": args.count, "loops": figures, "faults": faults, "took [s]": took}
    print(json.dumps(result, indent=1))
    if args.out is not None:
        write_json(args.out, result)
    return 1 if faults else 0


def try_case(name: str, seed: int) -> str:
    """`done`, `refused`, or what is wrong."""
    rng = np.random.default_rng(seed)
    try:
        LOOPS[name](rng, seed)
        return "done"
    except MacControlError as error:
        return "refused" if "\n" not in str(error) else f"a sentence of two lines: {error!r}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return f"{type(error).__name__} at {where}: {str(error)[:120]}"


def _parts(rng: np.random.Generator) -> tuple[StrangeEnv, Any, StrangePolicy, StrangeOperator]:
    strange = StrangeEnv(rng)
    env = adapted(strange)
    policy = StrangePolicy(rng, env.observation_space.shape[0], strange.action_space)
    return strange, env, policy, StrangeOperator(rng, strange.action_space)


def _rollout(rng: np.random.Generator, seed: int) -> None:
    strange, env, policy, operator = _parts(rng)
    found = rollout(TimeLimit(env, STEPS), policy, operator, seed=seed)
    _same("observations", found.observations, strange.sent[: len(found.actions)])
    _same("actions", found.actions, strange.got)
    _same("values", found.values, [each.values for each in operator.gave])
    _same("given", found.given, [each.given for each in operator.gave])
    _executed(strange, operator)


def _shared(rng: np.random.Generator, seed: int) -> None:
    strange, env, policy, operator = _parts(rng)
    shared = SharedAutonomy(env, policy)
    obs, _ = shared.reset(seed=seed)
    seen, actions = [obs], []
    for _ in range(STEPS):
        try:
            partial = operator.read(obs.copy())
        except Exception:  # nobody asked SharedAutonomy yet
            break
        obs, _, terminated, truncated, info = shared.step(partial)
        seen.append(obs)
        actions.append(info["action"])
        if terminated or truncated:
            break
    _same("observations", seen, strange.sent)
    _same("actions", actions, strange.got)
    _executed(strange, operator)


def _teleoperate(rng: np.random.Generator, seed: int) -> None:
    strange, env, policy, operator = _parts(rng)
    recorder, clock = _Recorder(strange), _Clock()
    loop = Teleoperation(
        env,
        policy,
        operator,
        recorder=recorder,
        seed=seed,
        clock=clock,
        sleep=clock.sleep,
        say=lambda text: None,
    )
    loop.run(STEPS)
    loop.close()
    recorder.check()
    if strange.outside:
        raise Differs("an action outside of the action space")


#: Loop -> a case of it.
LOOPS: dict[str, Callable[[np.random.Generator, int], None]] = {
    "rollout": _rollout,
    "SharedAutonomy": _shared,
    "Teleoperation": _teleoperate,
}


class _Recorder:
    """Keeps the steps that it receives, to compare them at the end."""

    def __init__(self, env: StrangeEnv) -> None:
        self.env = env
        self.episodes: list[tuple[list[Step], list[np.ndarray], list[np.ndarray]]] = []

    def start(self, seed: int) -> None:
        self.episodes.append(([], self.env.sent, self.env.got))

    def add(self, step: Step) -> None:
        self.episodes[-1][0].append(step)

    def undo(self, steps: int) -> None:
        """Nothing is undone."""

    def finish(self, success: bool) -> None:
        """All are kept."""

    def discard(self) -> None:
        """All are kept."""

    def close(self) -> None:
        """Nothing is open."""

    def check(self) -> None:
        for steps, sent, got in self.episodes:
            _same("observations", [step.obs for step in steps], sent[: len(steps)])
            _same("next observations", [step.next_obs for step in steps], sent[1 : len(steps) + 1])
            _same("actions", [step.action for step in steps], got)


class _Clock:
    """A clock that advances only when something waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def _executed(strange: StrangeEnv, operator: StrangeOperator) -> None:
    """Check that given values in the space were sent bit for bit, and no action is outside it."""
    if strange.outside:
        raise Differs("an action outside of the action space")
    space = strange.action_space
    for partial, action in zip(operator.gave, strange.got, strict=False):
        wanted = np.clip(partial.values, space.low, space.high)
        if np.issubdtype(space.dtype, np.integer):
            wanted = np.rint(wanted)
        if (np.float32(wanted) != np.float32(action))[partial.given].any():
            raise Differs("a given value that was executed otherwise")


def _same(what: str, recorded: Any, sent: Any) -> None:
    """Check that they are equal in single precision, in which data are recorded."""
    if len(recorded) != len(sent):
        raise Differs(f"{what}: {len(recorded)} recorded, {len(sent)} sent")
    for one, other in zip(recorded, sent, strict=True):
        if not np.array_equal(np.float32(one), np.float32(other)):
            raise Differs(f"{what}: recorded otherwise than sent")


if __name__ == "__main__":
    run(main)
