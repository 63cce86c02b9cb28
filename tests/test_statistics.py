"""Intervals over training seeds and episodes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import InputError
from mac_control.loop import bootstrap_interval

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


def test_seeds_that_are_rated_on_the_same_episodes_do_not_add_episodes():
    values = np.random.default_rng(0).normal(size=400)
    low, high = bootstrap_interval([values, values, values])
    assert (high - low) / (2 * 1.96) == pytest.approx(values.std() / 20, rel=0.05)
    other = [*values[200:], *values[:200]]  # of other episodes: folds add theirs
    low, high = bootstrap_interval([values, other], folds=[0, 1])
    assert (high - low) / (2 * 1.96) == pytest.approx(values.std() / np.sqrt(800), rel=0.05)


def test_an_interval_needs_numbers():
    for bad in ([], [[]], [[1.0], [np.nan]]):
        with pytest.raises(InputError, match="samples: expected finite numbers"):
            bootstrap_interval(bad)
