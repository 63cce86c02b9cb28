"""The operator that varies a demonstration: the bounds of what it changes, and what stays."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mac_control import Demonstrations, Episode, InputError, load_demonstrations
from mac_control.envs import make_kitchen
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.operators import make_operator
from mac_control.operators.tracker import Tracker
from mac_control.operators.varied import Varied
from mac_control.robot import ActionDim, Robot

KITCHEN = kitchen_robot(30)


def walks(count: int = 4) -> Demonstrations:
    """Random walks of the kitchen's arm."""
    rng = np.random.default_rng(0)
    steps = [rng.normal(0, 0.1, (60 + 10 * i, 9)) for i in range(count)]
    episodes = [
        Episode(np.pad(np.cumsum(each, 0), ((0, 0), (0, 21))), np.clip(each, -1, 1))
        for each in steps
    ]
    return Demonstrations(episodes, robot=KITCHEN)


@given(seed=st.integers(0, 10_000))
def test_without_variation_it_is_the_tracker(seed):
    operators = Tracker(walks()), Varied(walks(), stretch=1.0, shift=0.0, mix=0.0)
    obs = np.random.default_rng(seed).normal(0, 0.5, (5, 30))
    for operator in operators:
        operator.reset(seed)
    for each in obs:
        one, other = (operator.read(each).values for operator in operators)
        assert np.array_equal(one, other)


@given(seed=st.integers(0, 10_000), stretch=st.floats(1, 3))
def test_time_is_stretched_and_the_way_stays_as_long(seed, stretch):
    operator = Varied(walks(), stretch=stretch, shift=0.0, mix=0.0)
    operator.reset(seed)
    plain = operator.demonstrations[operator.demonstration]
    pace = (len(plain) - 1) / max(1, len(operator.episode) - 1)
    assert 1 / stretch - 0.02 <= pace <= stretch * 1.1
    assert np.array_equal(operator.episode.observations[0], plain.observations[0])
    low, high = plain.observations.min(0), plain.observations.max(0)
    assert (operator.episode.observations >= low - 1e-6).all()
    assert (operator.episode.observations <= high + 1e-6).all()


def test_velocities_grow_with_the_pace_and_targets_do_not():
    dims = (
        ActionDim("rate", kind="joint_velocity", position=0, gain=0.0),
        ActionDim("target", kind="joint_position", position=1, gain=0.0, unit="rad"),
    )
    way = np.linspace(0, 1, 101)[:, None].repeat(2, 1)
    actions = np.stack([np.full(101, 0.1), way[:, 1]], 1)
    data = Demonstrations([Episode(way, actions)], robot=Robot("two", dims))
    operator = Varied(data, stretch=2.0, shift=0.0, mix=0.0)
    for seed in range(5):
        operator.reset(seed)
        pace = 100 * (operator.episode.observations[1] - operator.episode.observations[0])[0]
        np.testing.assert_allclose(operator.episode.actions[:, 0], 0.1 * pace, rtol=1e-4)
        targets = operator.episode.observations[:, 1]
        np.testing.assert_allclose(operator.episode.actions[:, 1], targets, atol=1e-6)
    shifted = Varied(data, stretch=1.0, shift=0.5, mix=0.0)
    shifted.reset(3)
    offset = shifted.episode.observations - way
    assert np.ptp(offset, axis=0).max() < 1e-6 < np.abs(offset).min()
    np.testing.assert_allclose(shifted.episode.actions - actions, offset * [0, 1], atol=1e-6)


def test_a_mixed_one_begins_as_one_and_ends_as_another():
    data = walks()
    operator = Varied(data, stretch=1.0, shift=0.0, mix=1.0)
    ends = set()
    for seed in range(20):
        operator.reset(seed)
        plain = data[operator.demonstration]
        quarter = len(plain) // 4
        assert np.array_equal(operator.episode.actions[:quarter], plain.actions[:quarter])
        ends.add(
            next(
                i
                for i, each in enumerate(data)
                if np.array_equal(each.actions[-1], operator.episode.actions[-1])
            )
        )
    assert len(ends) == 4


def test_the_same_seed_varies_alike_and_another_differs():
    operator = Varied(walks())
    found = []
    for seed in (1, 1, 2):
        operator.reset(seed)
        found.append(operator.episode.observations)
    assert np.array_equal(found[0], found[1])
    assert found[0].shape != found[2].shape or not np.array_equal(found[0], found[2])


def test_slightly_varied_it_still_does_what_the_demonstration_did():
    data = load_demonstrations("builtin")
    spec = "varied:stretch=1.15:shift=0.01:mix=0:resync=true"
    operator = make_operator(spec, action_dim=9, demonstrations=data)
    env = make_kitchen(init_noise=0.02)
    done = []
    for seed in range(3):
        obs, info = env.reset(seed=seed)
        operator.reset(seed)
        terminated = truncated = False
        while not (terminated or truncated):
            obs, _, terminated, truncated, info = env.step(operator.read(obs).values)
        done.append(len(info["tasks_done"]))
    assert np.mean(done) >= 3, done


def test_a_demonstration_of_one_step_can_be_varied():
    one = Demonstrations([Episode(np.zeros((1, 30)), np.full((1, 9), 0.3))], robot=KITCHEN)
    operator = Varied(one, stretch=1.0, mix=1.0)
    for seed in range(5):
        operator.reset(seed)
        np.testing.assert_allclose(operator.read(np.zeros(30)).values, 0.3, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stretch": 0.9}, "stretch: expected a finite number of at least 1, got 0.9"),
        ({"stretch": np.nan}, "stretch: expected a finite"),
        ({"shift": -1.0}, "shift: expected a finite number of at least 0, got -1.0"),
        ({"mix": 1.5}, "mix: expected a probability, got 1.5"),
    ],
)
def test_settings_out_of_range(options, message):
    with pytest.raises(InputError, match=message):
        Varied(walks(), **options)
    with pytest.raises(InputError, match="robot"):
        Varied(replace(walks(), robot=None))
