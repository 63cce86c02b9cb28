"""Arbitration: likely commands are obeyed; the robot acts alone while they are unlikely."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import InputError, PartialAction, evaluate
from mac_control.envs import make_env
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.loop.metrics import acceptance_rate
from mac_control.loop.rollouts import rollout_group
from mac_control.loop.trajectory import Trajectory
from mac_control.operators import make_operator
from mac_control.policies import MacConfig, MacPolicy, Policy
from mac_control.policies.arbitrated import Arbitrated
from mac_control.policies.bc import BC, BCConfig
from mac_control.policies.intent import Intent, IntentConfig
from mac_control.policies.retrieval import Retrieval, RetrievalConfig
from mac_control.policies.windowed import WindowConfig, Windowed

STD = 0.1


class Normal(Policy):
    """Two independent dimensions, N(0, 0.1²): each likelihood is known."""

    obs_dim, low, high = 3, -np.ones(2, np.float32), np.ones(2, np.float32)

    def complete(self, obs, partial):
        return np.zeros_like(partial.values)

    def log_prob(self, obs, partial):
        each = -0.5 * (partial.values / STD) ** 2 - np.log(STD * np.sqrt(2 * np.pi))
        return (partial.given * each).sum(-1)


def acts(policy, *values):
    """What is done when dimension 0 is given each of these values."""
    mask = [True, False]
    return [policy.act(np.zeros(3), PartialAction([v, 0.0], mask))[0].item() for v in values]


def test_what_lies_within_z_comes_back_bit_for_bit_for_ever():
    wanted = [float(np.float32(1.99 * STD))] * 100
    assert acts(Arbitrated(Normal(), z=2.0), *wanted) == wanted


def test_what_stays_further_off_is_overruled_and_heeded_again_once_it_is_likely():
    policy = Arbitrated(Normal(), z=2.0)
    done = acts(policy, *[0.9] * 10, *[0.1] * 30)
    overruled = [value == 0.0 for value in done]
    first, last = overruled.index(True), len(done) - 1 - overruled[::-1].index(True)
    assert 0 < first < 5  # a single odd command is still obeyed
    assert 10 <= last < 30 and all(overruled[first : last + 1])
    policy.reset()
    assert acts(policy, 0.9) == [np.float32(0.9)]


@pytest.mark.parametrize("std", [0.1, 1.0])
def test_soft_commands_are_compared_with_what_is_as_soft(std):
    torch.manual_seed(0)
    box, obs = np.ones(3), np.zeros(2)
    mac = MacPolicy(MacConfig(width=16, obs_width=16), obs, obs + 1, -box, box)
    policy, own = Arbitrated(mac, z=0.1), mac.act(obs)
    same = PartialAction(own, [True, True, False]).soften(std)
    for _ in range(10):
        policy.act(obs, same)
    assert policy._surprise.tolist() == [0.0]
    wild = PartialAction(own + 0.9, [True, True, False]).soften(std)
    for _ in range(10):
        action = policy.act(obs, wild)
    assert np.array_equal(action, own)


def test_episodes_of_a_batch_are_judged_each_by_its_own():
    policy = Arbitrated(Normal(), z=2.0)
    both = PartialAction([[0.9, 0.0], [0.1, 0.0]], [[True, False]] * 2)
    for _ in range(20):
        action = policy.act(np.zeros((2, 3)), both)
    assert action[:, 0].tolist() == [0.0, np.float32(0.1)]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30), st.booleans(), st.booleans()),
        min_size=1,
        max_size=20,
    )
)
def test_actions_are_what_is_given_or_what_the_policy_does(steps):
    policy = Arbitrated(Normal(), z=1.0)
    for *values, one, two in steps:
        partial = PartialAction(values, [one, two])
        action = policy.act(np.zeros(3), partial)
        own = np.zeros(2, np.float32)
        as_given = np.where(partial.given, np.clip(partial.values, -1, 1), own)
        assert action.tolist() in (as_given.tolist(), own.tolist())


class Listening(Normal):
    """Stateful: it does the mean of all it was given so far, in every free dimension."""

    stateful = True

    def reset(self, seed=None):
        self.seen = []

    def autonomous_action(self, obs):
        return np.zeros((len(obs), 2), np.float32)

    def observe(self, obs, partial):
        self.seen.append(partial.values[partial.given].mean())

    def complete(self, obs, partial):
        return np.full_like(partial.values, np.mean(self.seen))


def test_one_that_remembers_goes_on_listening_while_it_overrules():
    policy = Arbitrated(Listening(), z=1.0)
    policy.reset(seed=0)
    for _ in range(30):
        action = policy.act(np.zeros(3), PartialAction([1.0, 0.0], [True, False]))
    assert action.tolist() == [0.0, 0.0]  # overruled: as if alone
    for _ in range(60):
        action = policy.act(np.zeros(3), PartialAction([0.0, 0.0], [True, False]))
    assert len(policy.policy.seen) == 90
    assert action.tolist() == [0.0, pytest.approx(30 / 90)]  # what it saw while it overrode


@pytest.mark.parametrize("kind", ["retrieval", "intent"])
def test_policies_that_remember_say_what_they_would_do_alone(kind):
    box = (np.zeros(30), np.ones(30), -np.ones(9), np.ones(9), kitchen_robot(30))
    policy = {
        "retrieval": lambda: Retrieval(RetrievalConfig(lengths=(5, 4)), *box),
        "intent": lambda: Intent(IntentConfig(intents=("open", "shut")), *box),
    }[kind]()
    policy.reset(seed=0)
    rng = np.random.default_rng(0)
    for obs in rng.normal(size=(5, 1, 30)).astype(np.float32):
        given = rng.random((1, 9)) < 0.5
        policy.act(obs, PartialAction(rng.uniform(-1, 1, (1, 9)), given))
        before, alone = policy.belief, policy.autonomous_action(obs)
        assert np.array_equal(policy.autonomous_action(obs), alone)
        assert np.array_equal(policy.belief, before)
    with pytest.raises(InputError, match=r"obs: expected shape \(30,\)"):
        Arbitrated(policy).act(np.zeros(5), PartialAction(np.zeros(9), np.arange(9) < 3))


def test_only_policies_with_a_density_that_know_what_they_would_do_can_judge():
    box, obs = np.ones(9), np.zeros(30)
    with pytest.raises(InputError, match=r"density.*got bc"):
        Arbitrated(BC(BCConfig(), obs, obs + 1, -box, box))
    with pytest.raises(InputError, match="alone, got windowed"):
        Arbitrated(Windowed(WindowConfig(n_obs_steps=2), obs, obs + 1, -box, box))
    with pytest.raises(InputError, match="z: expected"):
        Arbitrated(Normal(), z=0.0)


def test_the_acceptance_rate_counts_given_entries_that_were_done():
    given = np.array([[True, False]] * 4)
    values = np.array([[0.5, 0.0], [0.5, 0.0], [3.0, 0.0], [0.5, 0.0]], np.float32)
    actions = np.array([[0.5, 0.1], [0.0, 0.1], [1.0, 0.1], [0.5, 0.1]], np.float32)
    zeros = np.zeros(4)
    trajectory = Trajectory(
        np.zeros((4, 3)),
        given,
        values,
        actions,
        zeros,
        None,
        {},
        None,
        0,
        box=(-np.ones(2), np.ones(2)),
    )
    assert acceptance_rate(trajectory) == 0.75
    assert acceptance_rate(replace(trajectory, box=None)) == 0.5  # 3.0 is then no command of 1.0


class Kitchen(Normal):
    """The same for the arm in the kitchen."""

    name = "normal"
    obs_dim, low, high = 30, -np.ones(9, np.float32), np.ones(9, np.float32)


class NoDensity(Kitchen):
    def log_prob(self, obs, partial):
        return None


def test_a_random_operator_is_overruled_where_an_evaluation_asks_for_it():
    arguments = {"num_given": [3], "episodes": 2, "workers": 1}
    arguments["env_options"] = {"max_episode_steps": 9}
    (obeyed,) = evaluate([Kitchen()], ["random"], **arguments)
    (overruled,) = evaluate([Kitchen()], ["random"], trust="z=2", **arguments)
    assert obeyed["metrics"]["acceptance_rate"] == 1.0
    assert overruled["metrics"]["acceptance_rate"] < 0.5
    with pytest.raises(InputError, match="density"):
        evaluate([NoDensity()], ["random"], trust="z=2", **arguments)


class AsksAnew(Arbitrated):
    """Arbitration that looks nothing up."""

    def log_prob(self, obs, partial):
        return self.policy.log_prob(obs, partial)


@pytest.mark.parametrize("kind", ["mac", "intent"])
def test_a_step_of_a_rollout_asks_for_each_likelihood_once(kind, monkeypatch):
    small = {"width": 8, "obs_width": 8}
    box = (np.zeros(10), np.ones(10), -np.ones(2), np.ones(2))
    torch.manual_seed(0)
    if kind == "mac":
        policy = inner = MacPolicy(MacConfig(**small), *box)
    else:
        policy = Intent(IntentConfig("mac", small, intents=("open", "shut")), *box)
        inner = policy.inner
    asked, log_prob = [], inner.log_prob
    monkeypatch.setattr(inner, "log_prob", lambda *told: asked.append(told) or log_prob(*told))
    found = []
    for arbitrated in (Arbitrated, AsksAnew):
        judge = arbitrated(policy, z=2.0)
        envs = [make_env("Reacher-v5", max_episode_steps=6) for _ in range(2)]
        operators = [make_operator("random", action_dim=2, given=1, env=env) for env in envs]
        asked.clear()
        played = rollout_group(envs, judge, operators, seeds=[0, 1])
        found.append((len(asked), played))
    (once, mine), (more, theirs) = found
    assert once == 12  # of each step: of what is given, and of what it would do alone
    assert more == (18 if kind == "mac" else 12)  # a belief has looked it up already
    for one, other in zip(mine, theirs, strict=True):
        for name in ("observations", "actions", "rewards", "log_prob"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


def test_what_is_asked_about_another_step_is_asked():
    policy = Arbitrated(Normal(), z=2.0)
    obs, one, other = np.ones(3), *(PartialAction([v, 0.0], [True, False]) for v in (0.1, 0.2))
    policy.act(obs, one)
    for seen, partial in ((obs, one), (obs, other), (obs, one.soften(0.1)), (0 * obs, one)):
        wanted = Normal().log_prob(seen[None], partial.batched())
        assert policy.log_prob(seen, partial) == wanted[0]
        assert policy.log_prob(seen[None], partial.batched()) == wanted
