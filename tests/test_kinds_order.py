"""Parts of an observation keep one order: live, in a file, in training, and back."""

import json

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, Tuple, flatten
from hypothesis import given, settings
from hypothesis import strategies as st
from minari.serialization import deserialize_space, serialize_space

from mac_control import DataError, InputError
from mac_control.checkpoint import load_policy, save_policy
from mac_control.demonstrations import load_demonstrations
from mac_control.demonstrations.minari_write import write_minari
from mac_control.envs.make import adapted
from mac_control.envs.shared_autonomy import SharedAutonomy
from mac_control.layout import by_name, flat_steps, layout_of
from mac_control.training.build import new_policy

NAMES = st.sampled_from(["z", "a", "B", "observation", "10", "9", "é", "a b", "_"])
LEAF = st.one_of(
    st.lists(st.integers(1, 3), max_size=2).map(lambda s: Box(-9, 9, tuple(s), np.float32)),
    st.integers(1, 4).map(Discrete),
    st.integers(1, 3).map(MultiBinary),
)


def nested(inner):
    pairs = st.lists(st.tuples(NAMES, inner), min_size=1, max_size=4, unique_by=lambda p: p[0])
    return st.one_of(pairs.map(Dict), st.lists(inner, min_size=1, max_size=12).map(Tuple))


SPACES = nested(st.recursive(LEAF, nested, max_leaves=6))


def steps_of(space, samples):
    """As a file has them: a column for each part."""
    if isinstance(space, Dict):
        return {name: steps_of(space[name], [s[name] for s in samples]) for name in space}
    if isinstance(space, Tuple):
        return tuple(steps_of(p, [s[i] for s in samples]) for i, p in enumerate(space.spaces))
    return np.array(samples)


class Live(gymnasium.Env):
    """Observes samples of a space."""

    def __init__(self, space, samples):
        self.observation_space, self.samples = space, samples
        self.action_space = Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        self.at = 0
        return self.samples[0], {}

    def step(self, action):
        self.at += 1
        return self.samples[self.at], 0.0, False, self.at == len(self.samples) - 1, {}


@given(SPACES, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_file_is_flattened_as_the_live_environment_is(space, seed):
    space.seed(seed)
    samples = [space.sample() for _ in range(3)]
    env = adapted(Live(space, samples))
    live = [env.reset()[0], env.step(np.zeros(2))[0], env.step(np.zeros(2))[0]]
    stored = deserialize_space(json.loads(json.dumps(serialize_space(space))))
    for read in (space, stored):
        np.testing.assert_array_equal(flat_steps(read, steps_of(space, samples)), np.array(live))
        assert layout_of(read) == env.get_wrapper_attr("obs_layout")
    assert sum(size for _, size in layout_of(space)) == env.observation_space.shape[0]


def test_numbers_as_names_have_one_order_before_and_after_json():
    space = Dict([(9, Box(0, 1, (1,))), (10, Box(0, 1, (2,)))])
    assert [size for _, size in layout_of(space)] == [2, 1]
    assert flatten(by_name(space), {9: np.zeros(1), 10: np.ones(2)}).tolist() == [1, 1, 0]


def recorded(folder, space):
    from minari.data_collector.episode_buffer import EpisodeBuffer

    space.seed(0)
    samples = [space.sample() for _ in range(5)]
    buffer = EpisodeBuffer(
        observations=steps_of(space, samples),
        actions=np.zeros((4, 2), np.float32),
        rewards=np.zeros(4),
        terminations=np.zeros(4, bool),
        truncations=np.arange(4) == 3,
    )
    write_minari(folder, [buffer], space, Box(-1, 1, (2,), np.float32))
    return samples


UNSORTED = Dict(
    [
        ("wrist", Box(-9, 9, (3,), np.float32)),
        ("arm", Tuple([Dict([("b", Box(-9, 9, (2,))), ("a", Box(-9, 9, (1,)))])] * 12)),
    ]
)


def test_what_is_trained_on_is_what_the_environment_shows(tmp_path):
    samples = recorded(tmp_path / "set", UNSORTED)
    data = load_demonstrations(tmp_path / "set")
    env = adapted(Live(UNSORTED, samples))
    np.testing.assert_array_equal(data[0].observations[0], env.reset()[0].astype(np.float32))
    made = new_policy("bc", data, 0)
    policy = load_policy(save_policy(tmp_path / "bc", made, data=data.provenance))
    SharedAutonomy(env, policy).reset()
    swapped = Dict({"wrist": Box(-9, 9, (36,)), "arm": Box(-9, 9, (3,))})
    with pytest.raises(
        InputError, match=r"observations made of arm/0/a \(1\), .* got .* arm \(3\)"
    ):
        SharedAutonomy(adapted(Live(swapped, [])), policy)


def test_parts_that_the_space_does_not_have_are_refused():
    with pytest.raises(DataError, match=r"expected the parts \['a'\], got \['a', 'b'\]"):
        flat_steps(Dict({"a": Box(0, 1)}), {"a": np.zeros((3, 1)), "b": np.zeros((3, 1))})
