"""Policies without a network: they follow stored demonstrations that fit the commands."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.tracking import FollowOne, FollowStored
from mac_control import PartialAction, load_demonstrations
from mac_control.demonstrations import Episode


@pytest.fixture(scope="module")
def data():
    return load_demonstrations("builtin").select([0, 1, 2])


def test_the_demonstration_that_predicts_the_commands_is_found(data):
    helper, own = FollowStored.of(data), data[2]
    for step in range(40):
        given = PartialAction(own.actions[step], [True] * 3 + [False] * 6)
        action = helper.act(own.observations[step], given)
    assert helper.belief[0].argmax() == 2
    assert np.abs(action[3:7] - own.actions[39, 3:7]).max() < 0.5


def test_free_dimensions_vary_with_given_ones_as_between_demonstrations(data):
    """Two at one place, whose commands differ alike in every dimension: what lies between."""
    plans = [Episode(np.zeros((9, 30)), np.full((9, 9), value)) for value in (-0.5, 0.5)]
    helper = FollowStored.of(replace(data, episodes=plans))
    for _ in range(3):
        given = PartialAction(np.full(9, 0.1), [True] * 3 + [False] * 6)
        action = helper.act(np.zeros(30), given)
    assert action[3:] == pytest.approx(np.full(6, 0.1), abs=0.02)


@pytest.mark.parametrize("make", [FollowOne, FollowStored.of])
def test_given_entries_come_back_and_actions_lie_in_the_box(data, make):
    helper = make(data.select([0, 1]))
    helper.reset(seed=0)
    given = PartialAction(np.full(9, 0.25), [True, False] * 4 + [True])
    action = helper.act(data[0].observations[0] + 0.1, given)
    assert (action[::2] == 0.25).all() and np.abs(action).max() <= 1
