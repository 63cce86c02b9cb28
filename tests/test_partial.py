"""PartialAction: the one type from a device to the model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mac_control import InputError, PartialAction

finite = st.floats(-1e6, 1e6, width=32)
sizes = st.integers(1, 12)


@given(st.data(), sizes)
def test_overlay_keeps_given_bit_for_bit_and_the_rest_as_it_was(data, size):
    values = data.draw(hnp.arrays(np.float32, size, elements=finite))
    mask = data.draw(hnp.arrays(bool, size))
    action = data.draw(hnp.arrays(np.float32, size, elements=finite))
    out = PartialAction(values, mask).overlay(action)
    assert out[mask].tobytes() == values[mask].tobytes()
    assert out[~mask].tobytes() == action[~mask].tobytes()


@given(st.data(), sizes, st.sampled_from([np.nan, np.inf, -np.inf]))
def test_a_value_that_is_not_finite_is_refused_only_where_it_is_given(data, size, bad):
    mask = data.draw(hnp.arrays(bool, size))
    values = np.where(mask, bad, 0.5)
    if mask.any():
        with pytest.raises(InputError, match="values: expected finite numbers where given"):
            PartialAction(values, mask)
    unknown = PartialAction(np.full(size, bad), np.zeros(size, bool))
    assert np.isfinite(unknown.values).all()


@pytest.mark.parametrize(
    ("values", "mask", "message"),
    [
        ([0.0], [1], "given: expected booleans, got dtype int"),
        ([0.0, 1.0], [True], r"expected one shape, \(D,\) or \(B, D\)"),
        ([], np.zeros(0, bool), "expected one shape"),
        (["left"], [True], "values: expected numbers"),
        (np.zeros((1, 1, 1)), np.zeros((1, 1, 1), bool), "expected one shape"),
    ],
)
def test_bad_input_is_named(values, mask, message):
    with pytest.raises(InputError, match=message):
        PartialAction(values, mask)


def test_it_does_not_change_when_its_source_does():
    values, mask = np.zeros(3, np.float32), np.ones(3, bool)
    partial = PartialAction(values, mask)
    values[:] = 9
    mask[:] = False
    assert partial.given.all() and not partial.values.any()
    with pytest.raises(ValueError, match="read-only"):
        partial.values[0] = 1


def test_restrict_needs_a_mask_of_its_size():
    with pytest.raises(InputError, match=r"expected 3 of them, got shape \(2,\)"):
        PartialAction.nothing(2).restrict(np.ones(3, bool))


def test_restrict_and_stack():
    both = PartialAction.stack(
        [PartialAction.everything([1.0, 2.0]), PartialAction.nothing(2)]
    ).restrict(np.array([False, True]))
    assert both.given.tolist() == [[False, True], [False, False]]
    assert both.values.tolist() == [[0, 2], [0, 0]]
