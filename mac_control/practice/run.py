"""A run of practice: play, learn, save; it can be resumed."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mac_control.checkpoint import commit, load_policy, read, save_policy
from mac_control.checkpoint_record import acting_config, policy_record
from mac_control.demonstrations import Demonstrations
from mac_control.envs import make_env, robot_of
from mac_control.envs.abilities import add_envs, is_real
from mac_control.envs.describe import fitting_robot
from mac_control.envs.name import EnvName
from mac_control.envs.shared_autonomy import check_fit
from mac_control.errors import CheckpointError, InputError
from mac_control.loop.cases import expect_num_given, given_numbers
from mac_control.operators import Operator, make_operator
from mac_control.operators.spec import operator_digest
from mac_control.parallel import one_thread
from mac_control.practice.config import NUM_GIVEN, SETTLED, PracticeConfig
from mac_control.practice.explore import explorer_of
from mac_control.practice.learn import critic_of, learn
from mac_control.practice.play import EXTRA, Earned, play
from mac_control.robot import Robot
from mac_control.training.batches import digest
from mac_control.training.log import Log
from mac_control.training.optimizer import BETAS, moments_of, require_finite, restore_moments
from mac_control.training.state import expect_settings, recorded_settings


class PracticeLog(Log):
    """Curves of a practice run, a row per update."""

    COLUMNS = (
        "step",
        "reward",
        "alone",
        "helped",
        "divergence",
        "clipped",
        "value_loss",
        "seconds",
    )


class Practice:
    """A policy that practises with operators in an environment.

    Each save leaves in `out` a checkpoint that `load_policy` reads, and all that is needed to
    resume: an interrupted run ends with the same weights.

    Args:
        policy: checkpoint to start from.
        operators: specs, taken in turn; see :mod:`mac_control.operators.spec`.
        demonstrations: what trackers among the operators follow.
        env: the environment.
        out: folder of the run.
        config: settings.
        robot: a description in place of the environment's own.

    Raises:
        CheckpointError: `out` holds a run with other settings.
        InputError: a policy without an exact density, operators that lack something, or a real
            robot.
    """

    def __init__(
        self,
        policy: str | Path,
        operators: Sequence[str],
        demonstrations: Demonstrations | None,
        env: EnvName,
        out: Path,
        config: PracticeConfig,
        robot: Robot | None = None,
    ) -> None:
        self.out, self.operators = out, list(operators)
        self.demonstrations = demonstrations
        if out.exists() and not out.is_dir():
            raise InputError(f"out: expected a folder, got the file {out}")
        began = load_policy(policy)
        if config.num_given is None:
            fitting = given_numbers(None, began.action_dim, NUM_GIVEN)
            config = dataclasses.replace(config, num_given=tuple(fitting))
        assert config.num_given is not None
        self.config = config
        self.began = explorer_of(began, config.spread, config.correlation)
        self.policy = copy.deepcopy(self.began.policy)
        self.explorer = explorer_of(self.policy, config.spread, config.correlation)
        first = make_env(env, robot)
        check_fit(first, self.policy)
        if is_real(first):
            raise InputError("env: expected a simulated environment, got a real robot")
        self.envs = [first]
        add_envs(self.envs, config.envs, lambda: make_env(env, robot))
        if not operators:
            raise InputError("operators: expected at least one, got none")
        expect_num_given(config.num_given, self.policy.action_dim)
        if demonstrations is not None:
            sizes = demonstrations.action_dim, demonstrations.obs_dim
            fitting_robot(first, *sizes, hint="name data of this robot (--data) for its trackers")
        for k, spec in itertools.product(config.num_given, operators):  # before anything is played
            self._operator(spec, k, 0).close()
        torch.manual_seed(config.seed)
        size = self.explorer.obs_dim + 2 * self.policy.action_dim + EXTRA
        self.critic = critic_of(size, config.critic_width)
        self.optimizers = (
            torch.optim.Adam(self.explorer.network.parameters(), lr=config.lr, betas=BETAS),
            torch.optim.Adam(self.critic.parameters(), lr=config.critic_lr, betas=BETAS),
        )
        self.step = self.update = 0
        self._saved, self._unsaved = time.monotonic(), False
        tracked = None if demonstrations is None else demonstrations.robot
        self.settings = {name: getattr(config, name) for name in SETTLED}
        self.settings |= {
            "policy": self.began.policy.checkpoint["weights"]["sha256"],
            "policy_config": acting_config(self.began.policy.checkpoint),
            "operators": self.operators,
            "operator_weights": [operator_digest(spec) for spec in self.operators],
            "data": None if demonstrations is None else digest(demonstrations),
            "data_robot": None if tracked is None else tracked.to_json(),
            "env": env.to_json(),
            "robot": None if robot is None else robot.to_json(),
        }
        self._load()

    def run(self, tell: Callable[[int, dict[str, float]], None] = lambda step, row: None) -> Path:
        """Play and learn until `config.steps` steps have been played; returns the folder."""
        with (
            one_thread(),
            ThreadPoolExecutor(self.config.threads) as pool,
            PracticeLog(self.out, self.step) as log,
        ):
            each = pool.map if self.config.threads > 1 else map
            try:
                while self.step < self.config.steps:
                    row = self._update(each)
                    log.write(self.step, row)
                    if self._due():
                        self._save()
                    tell(self.step, row)
            finally:  # keep what was learnt when interrupted while playing
                if self._unsaved:
                    self._save()
        return self.out

    def _due(self) -> bool:
        return time.monotonic() - self._saved >= self.config.save_seconds

    def close(self) -> None:
        """Close the environments."""
        for env in self.envs:
            env.close()

    def _update(self, each: Callable[..., Iterable[Any]]) -> dict[str, float]:
        config, number = self.config, self.update
        stream = np.random.SeedSequence(config.seed, spawn_key=(number,))
        *seeds, drawn = (int(s) for s in stream.generate_state(config.envs + 1))
        generator = torch.Generator().manual_seed(drawn)
        assert config.num_given is not None  # set by the constructor
        pairs = list(itertools.product(config.num_given, self.operators))
        chosen = [pairs[(number * config.envs + i) % len(pairs)] for i in range(config.envs)]
        operators = [self._operator(spec, k, i) for i, (k, spec) in enumerate(chosen)]
        try:
            earned = Earned(config.score, config.unwanted)
            played = play(self.envs, operators, self.explorer, seeds, generator, each, earned)
        finally:
            for operator in operators:
                operator.close()
        self._unsaved = False  # half an update is not saved
        own, critics = self.optimizers
        optimizers = (own if self.step >= config.critic_first else None, critics)
        told = learn(self.explorer, self.began, self.critic, optimizers, played, config,
                     generator)  # fmt: skip
        state = f"{self.out}: practice diverged after step {self.step}, got {told}"
        weights = [*self.explorer.network.parameters(), *self.critic.parameters()]
        require_finite(state, torch.tensor(list(told.values())), weights, config.lr)
        self.step += len(played.x)
        self.update += 1
        self._unsaved = True
        groups: dict[str, list[float]] = {"alone": [], "helped": []}
        for (k, _), total in zip(chosen, played.totals, strict=True):
            groups["helped" if k else "alone"].append(total)
        means = {name: float(np.mean(found)) for name, found in groups.items() if found}
        return {"reward": float(np.mean(played.totals)), **means, **told}

    def _operator(self, spec: str, num_given: int, env: int) -> Operator:
        robot = robot_of(self.envs[env])
        return make_operator(
            spec,
            action_dim=self.policy.action_dim,
            given=num_given,
            env=self.envs[env],
            robot=robot,
            demonstrations=self.demonstrations,
        )

    def _save(self) -> None:
        tensors = {f"policy/{n}": p.detach() for n, p in self.explorer.network.named_parameters()}
        tensors |= {f"critic/{n}": p.detach() for n, p in self.critic.named_parameters()}
        for name, optimizer in zip(("policy", "critic"), self.optimizers, strict=True):
            tensors |= {f"{name}-{key}": t for key, t in moments_of(optimizer).items()}
        record = {"settings": self.settings, "step": self.step, "update": self.update}
        commit(self.out, "practice", record, tensors)
        self._save_policy()
        self._saved, self._unsaved = time.monotonic(), False

    def _save_policy(self) -> None:
        began = self.began.policy.checkpoint
        learnt = began.get("training") or {}
        practice = {**dataclasses.asdict(self.config), "played": self.step}
        # Rows identify a policy by its training seed.
        training = {"seed": learnt.get("seed"), "practice": practice, "from": learnt}
        save_policy(self.out, self.policy, training=training, data=began.get("data"))

    @torch.no_grad()
    def _load(self) -> None:
        if not (self.out / "practice.json").exists():
            if (self.out / "policy.json").exists():
                raise CheckpointError(
                    f"{self.out}: expected an empty folder or an unfinished practice, got a policy"
                )
            return
        record, tensors = read(self.out, "practice")
        # Older versions did not record these; their runs can still be resumed.
        names = ("operator_weights", "policy_config", "data_robot")
        known = {name: self.settings[name] for name in names}
        known |= {
            name: getattr(PracticeConfig(), name) for name in ("score", "unwanted", "critic_first")
        }
        recorded = known | recorded_settings(record)
        expect_settings(self.out, recorded, self.settings)
        try:
            for name, module in (("policy", self.explorer.network), ("critic", self.critic)):
                for key, value in module.named_parameters():
                    value.copy_(tensors[f"{name}/{key}"])
            for name, optimizer in zip(("policy", "critic"), self.optimizers, strict=True):
                own = {key.removeprefix(f"{name}-"): t for key, t in tensors.items()
                       if key.startswith(f"{name}-")}  # fmt: skip
                restore_moments(optimizer, own)
            self.step, self.update = int(record["step"]), int(record["update"])
            if min(self.step, self.update) < 0:
                raise ValueError(f"step {self.step}, update {self.update}")
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{self.out}: expected the state of this practice, got another ({error})"
            ) from error
        if self._written() != self.step:  # killed between the two
            self._save_policy()

    def _written(self) -> Any:
        """Practice steps of the policy in the folder."""
        try:
            return policy_record(self.out)["training"]["practice"]["played"]
        except (CheckpointError, KeyError, TypeError):
            return None
