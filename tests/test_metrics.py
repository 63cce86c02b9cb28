"""Metrics of an episode on trajectories whose answers are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mac_control.errors import InputError
from mac_control.loop import Trajectory
from mac_control.loop.metrics import auc, episode_metrics, jerk, mean_metrics, roc_curve, wrong_auc

T, D = 60, 3


def trajectory(**changes):
    rng = np.random.default_rng(0)
    mask = np.zeros((T, D), bool)
    mask[:, 0] = True
    parts = {
        "observations": np.zeros((T, 4)),
        "given": mask,
        "values": np.where(mask, 0.5, 0),
        "actions": rng.uniform(-1, 1, (T, D)),
        "rewards": np.eye(1, T, 20)[0] + np.eye(1, T, 40)[0],
        "log_prob": np.full(T, -2.0),
        "task_steps": {"kettle": 21, "microwave": 41},
        "success": True,
        "seed": 0,
    }
    return Trajectory(**{**parts, **changes})


def test_an_episode_that_did_what_was_wanted():
    metrics = episode_metrics(trajectory())
    assert metrics["goal_reward"] == 2 and metrics["steps_to_success"] == 41
    assert metrics["seconds_to_success"] is None
    assert episode_metrics(trajectory(), rate=12.5)["seconds_to_success"] == 41 / 12.5
    assert metrics["unwanted"] is None
    assert metrics["effort"] == pytest.approx(1 / 3)
    assert metrics["log_prob_per_dim"] == pytest.approx(-2.0)
    assert metrics["wrong_auc"] is None


def test_a_private_goal_counts_its_own_subtasks_only():
    goal = ("kettle", "hinge cabinet")
    metrics = episode_metrics(trajectory(goal=goal, success=False))
    assert metrics["goal_reward"] == 1 and metrics["steps_to_success"] is None
    assert episode_metrics(trajectory(goal=("kettle",)))["steps_to_success"] == 21
    assert metrics["unwanted"] == 1 and metrics["goal_reward"] + metrics["unwanted"] == 2


def test_autonomy_has_no_likelihood_and_teleoperation_no_jerk():
    nothing = trajectory(given=np.zeros((T, D), bool))
    assert episode_metrics(nothing)["log_prob_per_dim"] is None
    assert episode_metrics(nothing)["effort"] == 0
    everything = trajectory(given=np.ones((T, D), bool))
    assert episode_metrics(everything)["jerk"] is None
    assert mean_metrics([episode_metrics(nothing), episode_metrics(everything)])["effort"] == 0.5


def test_jerk_counts_filled_in_entries_alone():
    actions = np.zeros((5, 2))
    actions[2, 0] = 1.0  # differences 1, -2, 1
    free = np.zeros((5, 2), bool)
    assert jerk(actions, free) == pytest.approx((1 + 4 + 1) / 6)
    assert jerk(actions, free | np.array([True, False])) == 0


def test_a_wrong_operator_stands_out_where_it_is_unlikely():
    wrong = np.zeros(T, bool)
    wrong[30:45] = True
    unlikely = np.where(wrong, -9.0, -1.0)
    found = trajectory(wrong=wrong, log_prob=unlikely)
    assert wrong_auc(found, window=1) == 1.0
    assert 0.7 < wrong_auc(found) < 1.0  # a window is late at both ends
    assert wrong_auc(trajectory(wrong=wrong)) == 0.5  # no likelihood tells them apart
    assert wrong_auc(trajectory(wrong=~np.zeros(T, bool))) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_auc_is_the_share_of_ordered_pairs(pairs):
    scores, labels = (np.array(part) for part in zip(*pairs, strict=True))
    if labels.all() or not labels.any():
        with pytest.raises(InputError, match="labels"):
            auc(scores, labels)
        return
    difference = scores[labels][:, None] - scores[~labels]
    assert auc(scores, labels) == pytest.approx(
        (difference > 0).mean() + 0.5 * (difference == 0).mean()
    )
    false_positives, true_positives = roc_curve(scores, labels)
    assert false_positives[-1] == true_positives[-1] == 1
    assert (np.diff(false_positives) >= 0).all() and (np.diff(true_positives) >= 0).all()
