"""Shared autonomy around any environment."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import InputError, PartialAction
from mac_control.envs import KITCHEN_ID, SharedAutonomy
from mac_control.errors import PolicyError
from mac_control.policies import Policy

RNG = np.random.default_rng


class Linear(Policy):
    """A fixed random linear map of the observation, with a density for what is given."""

    def __init__(self, obs_dim, action_dim, scale=0.1):
        self.obs_dim = obs_dim
        self.low, self.high = -np.ones(action_dim, np.float32), np.ones(action_dim, np.float32)
        self.weight = scale * RNG(0).standard_normal((obs_dim, action_dim)).astype(np.float32)

    def complete(self, obs, partial):
        return obs @ self.weight

    def log_prob(self, obs, partial):
        values = np.clip(partial.values, self.low, self.high)
        error = values - np.asarray(obs, np.float32) @ self.weight
        return -0.5 * (np.where(partial.given, error, 0) ** 2).sum(1)


def checked(env):
    """Run Gymnasium's checker; unbounded observations and wrappers are meant to be so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*(minimum|maximum) value is -?infinity.*")
        warnings.filterwarnings("ignore", ".*is different from the unwrapped version.*")
        check_env(env, skip_render_check=True)


SHARED = {"kitchen": KITCHEN_ID, "cheetah": "HalfCheetah-v5", "reacher": "Reacher-v5"}


def shared(name):
    env = gymnasium.make(SHARED[name], disable_env_checker=True).unwrapped
    sizes = env.observation_space.shape + env.action_space.shape
    return SharedAutonomy(env, Linear(*sizes))


@pytest.mark.parametrize("name", SHARED)
def test_shared_autonomy_passes_gymnasiums_checker(name):
    checked(shared(name))


@pytest.mark.parametrize("name", SHARED)
def test_given_dimensions_arrive_and_the_policy_fills_in_the_rest(name):
    env = shared(name)
    obs, _ = env.reset(seed=0)
    size = env.policy.action_dim
    mask = np.arange(size) % 2 == 0
    expected = np.clip(obs.astype(np.float32) @ env.policy.weight, -1, 1)
    expected[mask] = 0.25
    *_, info = env.step(PartialAction(np.full(size, 0.25), mask))
    assert np.allclose(info["action"], expected, atol=1e-6)
    assert (info["action"][mask] == 0.25).all()
    assert np.array_equal(info["given"], mask)
    assert info["log_prob"] <= 0
    env.reset(seed=0)
    *_, same = env.step({"values": np.full(size, 0.25), "given": mask.astype(np.int8)})
    assert np.array_equal(same["action"], info["action"])


@pytest.mark.parametrize("std", [None, 0.5, [0.5, 0.0], np.inf])
def test_a_dictionary_has_the_deviation_of_what_is_given(std):
    env, told = shared("reacher"), []
    env.policy.stateful = True
    env.policy.observe = lambda _, partial: told.append(partial.std)
    env.reset(seed=0)
    env.step({"values": [0.5, 0.0], "given": [1, 0], **({} if std is None else {"std": std})})
    expected = PartialAction([[0.5, 0.0]], [[True, False]], std)
    assert np.array_equal(told[0], expected.std) if std is not None else told == [None]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sdt": 0.5}, "action: expected a PartialAction or its dictionary"),
        ({"given": [2, 0]}, r"given: expected bits, 0 or 1, got \[2, 0\]"),
        ({"given": [0.5, 0]}, "given: expected bits"),
        ({"given": ["1", "0"]}, "given: expected bits"),
        ({"std": -1.0}, "std: expected numbers from 0 on"),
    ],
)
def test_a_dictionary_of_anything_else_is_refused(change, reason):
    env = shared("reacher")
    env.reset(seed=0)
    with pytest.raises(InputError, match=reason):
        env.step({"values": [0.5, 0.0], "given": [1, 0], **change})


def test_nothing_given_is_the_policy_and_everything_given_the_operator():
    env, alone = shared("cheetah"), gymnasium.make("HalfCheetah-v5").unwrapped
    obs, _ = env.reset(seed=0)
    alone.reset(seed=0)
    filled = env.step(PartialAction.nothing(6))[0]
    assert np.array_equal(filled, alone.step(env.policy.act(obs))[0])
    values = RNG(0).uniform(-1, 1, 6).astype(np.float32)
    assert np.array_equal(env.step(PartialAction.everything(values))[0], alone.step(values)[0])


class Strict(gymnasium.Wrapper):
    """Fails on any action that is not finite or not in the box."""

    def step(self, action):
        assert np.isfinite(action).all() and self.env.action_space.contains(action), action
        return self.env.step(action)


class Wild(Linear):
    """Answers far beyond the box, and now and then not with a number."""

    answer = 0.0

    def complete(self, obs, partial):
        return np.full(partial.values.shape, self.answer, np.float32)


numbers = st.floats(width=32, allow_nan=True, allow_infinity=True)


@pytest.fixture(scope="module")
def wild():
    inner = Strict(gymnasium.make("Reacher-v5", disable_env_checker=True).unwrapped)
    env = SharedAutonomy(inner, Wild(10, 2))
    env.reset(seed=0)
    return env


@given(
    values=st.tuples(numbers, numbers), mask=st.tuples(st.booleans(), st.booleans()), answer=numbers
)
@settings(max_examples=200, deadline=None)
def test_nothing_unsafe_reaches_the_inner_environment(wild, values, mask, answer):
    wild.policy.answer = answer
    bad_value = not np.isfinite(np.array(values)[np.array(mask)]).all()
    bad_answer = not all(mask) and not np.isfinite(answer)
    try:
        *_, info = wild.step({"values": values, "given": mask})
        assert not bad_value and not bad_answer
        assert np.array_equal(info["given"], mask)
    except InputError:
        assert bad_value
    except PolicyError:
        assert bad_answer


class Unbounded(gymnasium.Wrapper):
    def __init__(self, env):
        super().__init__(env)
        self.action_space = gymnasium.spaces.Box(-np.inf, np.inf, (6,))


def test_shared_autonomy_refuses_what_does_not_fit():
    cheetah = gymnasium.make("HalfCheetah-v5")
    with pytest.raises(InputError, match=r"sizes of observation and action \(17, 6\), got"):
        SharedAutonomy(cheetah, Linear(30, 9))
    for unfit in (gymnasium.make("CartPole-v1"), Unbounded(cheetah)):
        with pytest.raises(InputError, match="action space: expected a flat, finite Box"):
            SharedAutonomy(unfit, Linear(17, 6))
    env = SharedAutonomy(cheetah, Linear(17, 6))
    with pytest.raises(InputError, match="expected a reset first"):
        env.step(PartialAction.nothing(6))
    env.reset(seed=0)
    with pytest.raises(InputError, match=r"action: expected shape \(6,\), got \(5,\)"):
        env.step(PartialAction.nothing(5))
    with pytest.raises(InputError, match="action: expected a PartialAction or its dictionary"):
        env.step({"values": np.zeros(6)})


class Draws(Linear):
    """Draws what it fills in."""

    draws = True

    def reset(self, seed=None):
        self.rng = RNG(seed)

    def complete(self, obs, partial):
        return self.rng.uniform(-1, 1, partial.values.shape)


def test_resets_without_a_seed_continue_the_last_seed_and_environments_do_not_mix():
    def actions(other):
        policy = Draws(10, 2)
        env = SharedAutonomy(gymnasium.make("Reacher-v5").unwrapped, policy)
        second = SharedAutonomy(gymnasium.make("Reacher-v5").unwrapped, policy)
        found = []
        for seed in (0, None, None):
            env.reset(seed=seed)
            if other:
                second.reset(seed=0)
            found.append(env.step(PartialAction.nothing(2))[-1]["action"])
        return np.array(found)

    found = actions(False)
    assert np.array_equal(found, actions(False)) and np.array_equal(found, actions(True))
    assert len(np.unique(found, axis=0)) == 3


def test_observations_in_whole_numbers_become_real_and_the_space_says_so():
    class Counts(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(0, 255, (3,), np.uint8)
        action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return np.array([1, 2, 3], np.uint8), {}

    env = SharedAutonomy(Counts(), Linear(3, 2))
    obs, _ = env.reset(seed=0)
    assert env.observation_space.contains(obs)
