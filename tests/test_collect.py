"""Collecting demonstrations of the scripted expert."""

import numpy as np
import pytest

from mac_control import InputError
from mac_control.demonstrations import Demonstrations, load_demonstrations
from mac_control.envs import KITCHEN_TASKS, SUBTASKS
from mac_control.envs.kitchen import builtin
from mac_control.envs.kitchen.collect import Collection, Wanted, collect, wanted
from mac_control.scripts.collect import Args, main


def names(episode):
    """Subtasks in the order in which they were taken up."""
    changes = np.flatnonzero(episode.subtasks[1:] != episode.subtasks[:-1]) + 1
    return [str(episode.subtasks[i]) for i in (0, *changes)]


def test_a_complete_episode_earns_all_and_learns_corrections():
    episode = collect(Wanted(Collection(clean=0.0), (0, 0)))
    assert episode.rewards.sum() == 4
    assert names(episode) == list(KITCHEN_TASKS["complete"])
    assert episode.observations.shape[1:] == (30,) and episode.actions.shape[1:] == (9,)
    off = np.abs(episode.executed - episode.actions)
    assert off.max() > 0.05  # noise was done,
    assert max(np.abs(episode.executed).max(), np.abs(episode.actions).max()) <= 1
    # and pushed the arm away from the label's course, so that the labels answer it.
    clean = collect(Wanted(Collection(clean=1.0), (0, 0)))
    assert np.array_equal(clean.executed, clean.actions)
    assert len(np.unique(episode.actions.round(3), axis=0)) > 0.9 * len(episode)


def test_starts_vary_within_the_noise_asked_for():
    starts = np.array(
        [collect(Wanted(Collection(init_noise=0.05), (1, i))).observations[0, :7] for i in range(3)]
    )
    assert (np.ptp(starts, axis=0) > 0.001).all() and (np.ptp(starts, axis=0) < 0.13).all()


def test_mixed_orders_differ_and_seldom_hold_the_four_rewarded_ones():
    orders = []
    for index in range(2):
        episode = collect(Wanted(Collection("mixed", noise=0.05), (0, index)))
        orders.append(tuple(names(episode)))
        assert len(set(orders[-1])) == 4 and set(orders[-1]) <= set(SUBTASKS)
        expected = set(orders[-1]) & set(KITCHEN_TASKS["mixed"])
        assert episode.rewards.sum() >= len(expected)
    assert orders[0] != orders[1]


def test_play_does_all_seven():
    episode = collect(Wanted(Collection("play", noise=0.0), (0, 0)))
    assert episode.rewards.sum() == 7 and set(names(episode)) == set(SUBTASKS)


def test_the_verb_writes_the_same_data_whatever_the_number_of_workers(tmp_path):
    loaded = []
    for workers in (1, 2):
        out = tmp_path / f"workers-{workers}"
        main(Args(out=str(out), episodes=3, workers=workers, seed=5))
        loaded.append(load_demonstrations(out))
    one, two = loaded
    assert len(one) == len(two) == 3
    for a, b in zip(one, two, strict=True):
        for field in ("observations", "actions", "executed", "rewards", "subtasks"):
            assert np.array_equal(getattr(a, field), getattr(b, field)), field
    assert one.tasks == KITCHEN_TASKS["complete"]
    direct = collect(wanted(Collection(), 3, 5)[2])
    assert np.array_equal(one[2].actions, direct.actions)
    assert not np.array_equal(direct.executed, direct.actions) or len(direct) > 0


def test_the_built_in_demonstrations_are_small_whole_and_remade_by_their_command():
    assert builtin.PATH.stat().st_size <= 4e6
    made = load_demonstrations("builtin")
    assert made.tasks == KITCHEN_TASKS["complete"] and (made.obs_dim, made.action_dim) == (30, 9)
    assert all(episode.rewards.sum() == 4 for episode in made)
    settings = made.provenance["origin"]["settings"]
    again = collect(wanted(Collection(**settings["collection"]), 1, settings["seed"])[0])
    # Another processor may round otherwise, which contacts amplify: compare the beginning.
    assert np.allclose(made[0].observations[:10], again.observations[:10], atol=2e-3)
    assert np.allclose(made[0].executed[:10], again.executed[:10], atol=2e-3)
    assert np.abs(made.observations).max() < 4  # beyond, half precision rounds coarsely


def test_writing_rounds_no_further_than_it_says(tmp_path):
    episode = collect(Wanted(Collection(), (0, 3)))
    path = tmp_path / "kitchen.hdf5"
    builtin.write(Demonstrations([episode], KITCHEN_TASKS["complete"], {"seed": 0}), path)
    (read,) = load_demonstrations(path)
    assert np.abs(read.observations - episode.observations).max() <= 1 / 512
    assert np.abs(read.actions - episode.actions).max() <= 1 / 1024
    assert np.array_equal(read.subtasks, episode.subtasks)
    assert np.array_equal(read.rewards, episode.rewards)


@pytest.mark.parametrize(
    "settings",
    [{"orders": "some"}, {"noise": -1.0}, {"noise": np.nan}, {"clean": 2.0}, {"init_noise": -0.1}],
)
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        Collection(**settings)


@pytest.mark.parametrize(("episodes", "seed"), [(0, 0), (1, -1)])
def test_no_episodes_or_a_negative_seed_are_refused(episodes, seed):
    with pytest.raises(InputError, match="at least"):
        wanted(Collection(), episodes, seed)
