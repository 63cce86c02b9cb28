"""What is recorded is what was sent, whatever anybody does to an array afterwards."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.faults.environments import LOOPS, try_case


@pytest.mark.parametrize("loop", LOOPS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_strange_environments_end_in_a_sentence_or_a_true_record(loop, seed):
    assert try_case(loop, seed) in ("done", "refused")
