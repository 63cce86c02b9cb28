"""Practice: exact likelihoods of what is tried, resumed to the same weights, and better for it."""

import copy
import dataclasses
import itertools
import json

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box

from mac_control import InputError, PartialAction
from mac_control.checkpoint import load_policy, read, save_policy
from mac_control.cli import run
from mac_control.envs.name import EnvName
from mac_control.errors import CheckpointError, EpisodeError, MacControlError
from mac_control.operators import Operator
from mac_control.policies.bc import BC
from mac_control.policies.mac import MacConfig, MacPolicy
from mac_control.policies.mixture_bc import MixtureBC
from mac_control.practice.config import PracticeConfig
from mac_control.practice.explore import explorer_of
from mac_control.practice.run import Practice
from mac_control.scripts import practice

SMALL = MacConfig(width=16, layers=1, obs_width=16, components=2, masks=1)
ENV = EnvName("test_practice:Sum")


class Sum(gymnasium.Env):
    """Rewards two numbers whose sum is 0.6."""

    observation_space = Box(-1, 1, (1,), np.float32)
    action_space = Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        reward = -abs(float(action.sum()) - 0.6)
        return np.zeros(1, np.float32), reward, False, self.steps == 4, {}


class Draws(Operator):
    """Gives both numbers at random, from -0.4 to 1."""

    def __init__(self, action_dim):
        self.rng = np.random.default_rng(0)

    def reset(self, seed=None):
        self.rng = np.random.default_rng(seed)

    def read(self, obs):
        return PartialAction.everything(self.rng.uniform(-0.4, 1, 2))


def policy(seed=0, **changes):
    torch.manual_seed(seed)
    config = MacConfig(**{**SMALL.__dict__, **changes})
    return MacPolicy(config, np.zeros(1), np.ones(1), -np.ones(2), np.ones(2))


@pytest.fixture
def began(tmp_path):
    return save_policy(tmp_path / "began", policy(components=1), training={"seed": 0})


def session(began, out, steps=200, operators=("test_practice:Draws",), **changes):
    options = {"envs": 8, "num_given": (1,), "batch_size": 32, "lr": 3e-3, **changes}
    config = PracticeConfig(steps=steps, **options)
    return Practice(began, operators, None, ENV, out, config)


def mixture(seed=0, **changes):
    torch.manual_seed(seed)
    config = MixtureBC.Config(**{"width": 8, "components": 3, "condition": True, **changes})
    return MixtureBC(config, np.zeros(1), np.ones(1), -np.ones(2), np.ones(2))


def test_practice_helps_with_what_is_given_and_keeps_near_where_it_began(began, tmp_path):
    rows = []
    made = session(began, tmp_path / "out", steps=1280, anchor=0.0, bound=50.0)
    made.run(lambda step, row: rows.append(row))
    made.close()
    rewards = [row["reward"] for row in rows]
    assert np.mean(rewards[-5:]) > np.mean(rewards[:5]) + 0.5  # of some -2
    better, before = load_policy(tmp_path / "out"), load_policy(began)
    given = PartialAction([0.2, 0.0], [True, False])
    wrong = [abs(p.act(np.zeros(1), given)[1] - 0.4) for p in (better, before)]
    assert wrong[0] < wrong[1]
    told = better.checkpoint["training"]
    assert told["practice"]["played"] == 1280
    assert (told["from"], told["seed"]) == (before.checkpoint["training"], 0)
    held = session(began, tmp_path / "held", steps=320, anchor=100.0)
    held.run(lambda step, row: rows.append(row))
    held.close()
    free = session(began, tmp_path / "free", steps=320, anchor=0.0, bound=50.0)
    far = []
    free.run(lambda step, row: far.append(row["divergence"]))
    free.close()
    assert rows[-1]["divergence"] < 0.5 * far[-1]


def test_the_critic_may_learn_first(began, tmp_path):
    made = session(began, tmp_path / "out", steps=64, critic_first=64)
    policy, critic = (copy.deepcopy(m.state_dict()) for m in (made.policy, made.critic))
    made.run()
    made.close()
    assert all(torch.equal(policy[k], v) for k, v in made.policy.state_dict().items())
    assert not any(torch.equal(critic[k], v) for k, v in made.critic.state_dict().items())
    more = session(began, tmp_path / "out", steps=128, critic_first=64)
    more.run()
    more.close()
    assert not all(torch.equal(policy[k], v) for k, v in more.policy.state_dict().items())


def test_a_mixture_density_practises_too(tmp_path):
    began = save_policy(tmp_path / "began", mixture(components=1), training={"seed": 0})
    rows = []
    made = session(began, tmp_path / "out", steps=1280, anchor=0.0, bound=50.0)
    made.run(lambda step, row: rows.append(row["reward"]))
    made.close()
    assert np.mean(rows[-5:]) > np.mean(rows[:5]) + 0.3
    assert load_policy(tmp_path / "out").checkpoint["training"]["practice"]["played"] == 1280


def test_a_policy_at_its_bound_stays_near_it_and_goes_on_learning(began, tmp_path):
    made = session(began, tmp_path / "out", steps=960, anchor=0.0, bound=0.05)
    far, weights = [], []

    def tell(step, row):
        far.append(row["divergence"])
        weights.append(torch.cat([p.detach().flatten() for p in made.policy.parameters()]))

    made.run(tell)
    made.close()
    assert max(far) > 0.05 and far[-1] < 0.5
    assert all(not torch.equal(*pair) for pair in itertools.pairwise(weights))


def test_interrupted_or_threaded_practice_ends_with_the_same_weights(began, tmp_path):
    class Stop(Exception):
        pass

    def stop(step, row):
        if step >= 64:
            raise Stop

    whole = session(began, tmp_path / "whole", steps=160, num_given=(0, 1, 2), save_seconds=0)
    whole.run()
    cut = session(began, tmp_path / "cut", steps=160, num_given=(0, 1, 2), save_seconds=0)
    with pytest.raises(Stop):
        cut.run(stop)
    again = session(began, tmp_path / "cut", steps=160, num_given=(0, 1, 2), save_seconds=0)
    assert again.step == 64
    again.run()
    threads = session(began, tmp_path / "threads", steps=160, num_given=(0, 1, 2), threads=3)
    threads.run()
    one, *others = (read(tmp_path / name, "policy")[1] for name in ("whole", "cut", "threads"))
    assert all(torch.equal(one[key], other[key]) for other in others for key in one)
    with pytest.raises(CheckpointError, match=r"with lr 0.003, got 0.1"):
        session(began, tmp_path / "cut", lr=0.1, num_given=(0, 1, 2))


def test_practice_does_not_go_on_with_other_weights_of_its_operator(began, tmp_path):
    driver = save_policy(tmp_path / "driver", policy(seed=1))
    operators = (f"policy:{driver}",)
    session(began, tmp_path / "made", steps=32, operators=operators).run()
    session(began, tmp_path / "made", steps=64, operators=operators).run()
    save_policy(tmp_path / "driver", policy(seed=2))
    with pytest.raises(CheckpointError, match="with operator_weights"):
        session(began, tmp_path / "made", steps=96, operators=operators)


def test_practice_does_not_go_on_with_another_configuration_of_its_policy(tmp_path):
    began = save_policy(tmp_path / "began", policy(components=1))
    session(began, tmp_path / "made", steps=32).run()
    save_policy(tmp_path / "began", policy(components=1, decoding="mode"))  # the same weights
    with pytest.raises(CheckpointError, match=r"with policy_config.* mean, got mode"):
        session(began, tmp_path / "made", steps=64)


def test_one_step_alone_is_learnt_from_without_a_nan(began, tmp_path):
    made = session(began, tmp_path / "out", steps=1, envs=1)
    made.envs = [gymnasium.wrappers.TimeLimit(env, 1) for env in made.envs]
    made.run()
    assert load_policy(tmp_path / "out").checkpoint["training"]["practice"]["played"] == 1


def test_what_diverges_is_not_saved(began, tmp_path):
    kept = session(began, tmp_path / "out", steps=32, save_seconds=0)
    kept.run()
    before = read(tmp_path / "out", "policy")[0]
    with torch.no_grad():
        kept.critic[0].weight.fill_(float("nan"))
    kept.config = dataclasses.replace(kept.config, steps=64)
    with pytest.raises(MacControlError, match=r"diverged after step 32.*a lower lr"):
        kept.run()
    assert read(tmp_path / "out", "policy")[0] == before


def test_a_practice_that_is_interrupted_while_it_plays_keeps_what_it_learnt(began, tmp_path):
    made = session(began, tmp_path / "out", steps=320, save_seconds=1000)

    def interrupt(action):
        raise KeyboardInterrupt

    def tell(step, row):
        if step >= 64:
            made.envs[0].step = interrupt

    with pytest.raises(KeyboardInterrupt):
        made.run(tell)
    assert load_policy(tmp_path / "out").checkpoint["training"]["practice"]["played"] == 64


def test_a_practice_killed_between_its_two_files_writes_the_other(began, tmp_path):
    session(began, tmp_path / "out", steps=32).run()
    (tmp_path / "out" / "policy.json").unlink()
    session(began, tmp_path / "out", steps=32).run()
    assert load_policy(tmp_path / "out").checkpoint["training"]["practice"]["played"] == 32


def test_a_practice_goes_on_only_with_the_same_policy(began, tmp_path):
    session(began, tmp_path / "out", steps=32).run()
    other = save_policy(tmp_path / "other", policy(1, components=1), training={"seed": 0})
    with pytest.raises(CheckpointError, match="with policy"):
        session(other, tmp_path / "out", steps=64)


@pytest.mark.parametrize(
    "damage", [{"step": None}, {"step": "abc"}, {"update": None}, {"settings": [1]}, {"step": -5}]
)
def test_a_damaged_record_is_said_in_a_sentence(began, tmp_path, damage):
    session(began, tmp_path / "out", steps=32).run()
    file = tmp_path / "out" / "practice.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | damage))
    with pytest.raises(CheckpointError, match="out: "):
        session(began, tmp_path / "out", steps=64)


class Softly(Operator):
    """Gives the first number with a standard deviation."""

    def __init__(self, action_dim):
        pass

    def read(self, obs):
        return PartialAction([0.5, 0.0], [True, False], [0.1, 0.0])


def test_commands_with_a_deviation_are_not_practised_as_if_they_were_exact(began, tmp_path):
    made = session(began, tmp_path / "out", operators=("test_practice:Softly",))
    with pytest.raises(EpisodeError, match=r"operator .* exact commands"):
        made.run()


def test_what_cannot_practise_is_refused_in_a_sentence(began, tmp_path, capsys):
    bc = BC(BC.Config(width=8), np.zeros(1), np.ones(1), -np.ones(2), np.ones(2))
    with pytest.raises(InputError, match=r"an exact density of what is filled in, mac .*, got bc"):
        explorer_of(bc, 1.0, 0.5)
    with pytest.raises(InputError, match="exact density"):
        explorer_of(policy(head="logistic"), 1.0, 0.5)
    with pytest.raises(InputError, match=r"one dimension after another.*blocks 1"):
        explorer_of(policy(blocks=1, block_sizes=(2,)), 1.0, 0.5)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="out: expected a folder"):
        session(began, tmp_path / "file")
    for changes, said in (
        ({"num_given": (3,)}, "num_given: expected numbers from 0 to 2, got 3"),
        ({"operators": ()}, "operators: expected at least one"),
        ({"operators": ("tracker",)}, "expected demonstrations, got none"),
        ({"operators": ("nobody", "nobodyy")}, "nobodyy"),
        ({"seed": -1}, "seed: expected"),
        ({"score": "reward"}, "score: expected rewards or goal_rewards, got 'reward'"),
        ({"save_seconds": float("nan")}, "save_seconds: expected"),
        ({"critic_width": 10**7}, "critic_width: expected at most 4096"),
    ):
        with pytest.raises(InputError, match=said):
            session(began, tmp_path / "no", **changes)
    with pytest.raises(InputError, match="spread: expected a number above 0, got 0"):
        PracticeConfig(spread=0)
    argv = ["--policy", str(began), "--env", "test_practice:Sum", "--out", str(tmp_path / "verb"),
            "--operators", "test_practice:Draws", "--steps", "32", "--envs", "4",
            "--num-given", "0", "1"]  # fmt: skip
    with pytest.raises(SystemExit) as status:
        run(practice.main, argv)
    assert status.value.code == 0 and "verb" in capsys.readouterr().out
    assert load_policy(tmp_path / "verb").action_dim == 2
