"""Many rollouts: grids, seeds, workers, resumption, statistics, reports."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import Demonstrations, Episode, InputError, evaluate
from mac_control.loop import bootstrap_interval, groups
from mac_control.policies import Policy


class Sway(Policy):
    """Moves with what it sees; defined at module level, so that workers can unpickle it."""

    obs_dim, low, high = 30, -np.ones(9, np.float32), np.ones(9, np.float32)

    def __init__(self, name="sway", scale=1.0):
        self.name, self.scale = name, scale
        self.weight = np.random.default_rng(0).standard_normal((30, 9)).astype(np.float32)

    def complete(self, obs, values, given):
        return self.scale * np.tanh(obs @ self.weight)


@pytest.fixture
def demonstrations():
    rng = np.random.default_rng(0)
    return Demonstrations([Episode(rng.normal(size=(9, 30)), rng.uniform(-1, 1, (9, 9)))])


SHORT = {"max_episode_steps": 4, "tasks": ("kettle",)}


def untimed(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_rows_are_the_same_whatever_the_number_of_workers(monkeypatch, demonstrations):
    monkeypatch.setattr("mac_control.loop.evaluation.GROUP_SIZE", 2)
    kinds = {"operators": ["nobody", "tracker"], "given": [2], "env": {"max_episode_steps": 25}}
    arguments = {"episodes": 4, "demonstrations": demonstrations, **kinds}
    one = evaluate([Sway()], workers=1, **arguments)
    two = evaluate([Sway()], workers=2, **arguments)
    assert untimed(one) == untimed(two)
    assert [(row["operator"], row["given"]) for row in one] == [("nobody", 0), ("tracker", 2)]


def test_the_grid_runs_every_cell_once(demonstrations):
    rows = evaluate(
        [Sway("bc"), Sway("mac", 0.5)],
        ["nobody", "everything", "proxy", "tracker"],
        [0, 3, 9],
        episodes=1,
        workers=1,
        env=SHORT,
        demonstrations=demonstrations,
    )
    cells = [("nobody", 0), ("everything", 9)]
    cells += [("proxy", 3), ("proxy", 9), ("tracker", 3), ("tracker", 9)]
    expected = [(policy, *cell) for policy in ("bc", "mac") for cell in cells]
    got = [(row["policy"], row["operator"], row["given"]) for row in rows]
    assert sorted(got) == sorted(expected)


def test_a_row_says_what_was_run():
    (row,) = evaluate([Sway()], episodes=3, seed=7, workers=1, env=SHORT)
    assert (row["policy"], row["operator"], row["given"]) == ("sway", "nobody", 0)
    assert (row["episodes"], row["reward_mean"], row["success_rate"]) == (3, 0.0, 0.0)
    assert row["rewards"] == [0.0, 0.0, 0.0] and row["reward_ci95"] == [0.0, 0.0]
    assert row["train_seed"] is None and row["seconds"] > 0


def test_more_episodes_begin_with_the_same_ones(monkeypatch):
    """A group depends on its episodes' numbers alone; so results can be added to."""
    monkeypatch.setattr("mac_control.loop.evaluation.GROUP_SIZE", 2)
    seen = []

    def look(group):
        seen.append(group.seeds)
        return groups.Outcome([0.0] * len(group.seeds), [False] * len(group.seeds), 0.0)

    monkeypatch.setattr("mac_control.loop.evaluation.run_group", look)
    evaluate([Sway()], episodes=4, seed=3, workers=1)
    assert seen == [(3, 4), (5, 6)]
    evaluate([Sway()], episodes=5, seed=3, workers=1)
    assert seen[2:] == [(3, 4), (5, 6), (7,)]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"episodes": 0}, "episodes: expected at least 1, got 0"),
        ({"given": [10], "operators": ["proxy"]}, "given: expected numbers from 0 to 9, got 10"),
        ({"operators": []}, "operators: expected at least one"),
        ({"operators": ["proxy"], "given": [3]}, "proxies: expected one policy"),
        ({"operators": ["tracker"], "given": [3]}, "'tracker': expected demonstrations"),
        ({"operators": ["driver"], "given": [3]}, "operator: expected one of everything"),
        ({"env": {"tasks": "all"}}, "tasks: expected one of"),
    ],
)
def test_mistakes_get_a_sentence(arguments, message):
    with pytest.raises(InputError, match=message):
        evaluate([Sway()], **{"episodes": 1, "workers": 1, "env": SHORT, **arguments})


def test_policies_that_rows_could_not_tell_apart_are_refused():
    with pytest.raises(InputError, match="got two called 'sway' with seed None"):
        evaluate([Sway(), Sway()], workers=1)
    with pytest.raises(InputError, match="policies: expected at least one"):
        evaluate([], workers=1)


rewards = st.lists(st.integers(0, 4), min_size=1, max_size=8)


@given(samples=st.lists(rewards, min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_an_interval_lies_within_the_data_and_follows_from_its_seed(samples):
    low, high = bootstrap_interval(samples, draws=200)
    means = [np.mean(sample) for sample in samples]
    assert min(map(min, samples)) <= low <= high <= max(map(max, samples))
    assert (low, high) == bootstrap_interval(samples, draws=200)
    narrow = bootstrap_interval(samples, draws=200, level=0.5)
    assert low <= narrow[0] <= narrow[1] <= high
    if len({*means}) == 1 and all(len(set(sample)) == 1 for sample in samples):
        assert low == high == means[0]


def test_an_interval_has_the_width_that_theory_gives():
    """One seed: sd / sqrt(n) of the episodes. Constant episodes: that of the seeds."""
    values = np.random.default_rng(0).normal(size=400)
    low, high = bootstrap_interval([values])
    assert (high - low) / (2 * 1.96) == pytest.approx(values.std() / 20, rel=0.05)
    seeds = np.random.default_rng(1).normal(size=100)
    low, high = bootstrap_interval([[value] * 5 for value in seeds])
    assert (high - low) / (2 * 1.96) == pytest.approx(seeds.std() / 10, rel=0.05)


def test_an_interval_needs_numbers():
    for bad in ([], [[]], [[1.0], [np.nan]]):
        with pytest.raises(InputError, match="samples: expected finite numbers"):
            bootstrap_interval(bad)
