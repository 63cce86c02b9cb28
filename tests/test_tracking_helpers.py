"""Helpers without a network: they follow the plan that what was given fits best."""

import numpy as np
import pytest

from mac_control import PartialAction, load_demonstrations
from mac_control.benchmarks.tracking import FollowOne, FollowPlan


@pytest.fixture(scope="module")
def data():
    return load_demonstrations("builtin").select([0, 1, 2])


def test_the_plan_that_predicts_the_commands_is_found(data):
    helper, own = FollowPlan(data), data[2]
    for step in range(40):
        given = PartialAction(own.actions[step], [True] * 3 + [False] * 6)
        action = helper.act(own.observations[step], given)
    assert helper._plan == 2
    assert np.abs(action[3:7] - own.actions[39, 3:7]).max() < 0.5


@pytest.mark.parametrize("kind", [FollowOne, FollowPlan])
def test_given_entries_come_back_and_actions_lie_in_the_box(data, kind):
    helper = kind(data.select([0]))
    helper.reset(seed=0)
    given = PartialAction(np.full(9, 0.25), [True, False] * 4 + [True])
    action = helper.act(data[0].observations[0] + 0.1, given)
    assert (action[::2] == 0.25).all() and np.abs(action).max() <= 1
