"""Names at the ends of lines."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnreg.report.charts.labels import moved_apart

PLACES = st.lists(st.floats(-100, 100), min_size=1, max_size=12)


@given(PLACES, st.floats(0.01, 20))
def test_names_are_apart_and_keep_their_order(places, gap):
    moved = moved_apart(places, gap)
    order = sorted(range(len(places)), key=places.__getitem__)
    ascending = [moved[index] for index in order]
    assert all(second - first >= gap * (1 - 1e-6) for first, second in pairwise(ascending))


@given(PLACES, st.floats(0.01, 20))
def test_they_are_moved_as_one(places, gap):
    """Their centre stays, so nothing drifts off the panel."""
    assert sum(moved_apart(places, gap)) == pytest.approx(sum(places), abs=1e-6)


def test_names_that_are_far_apart_stay():
    assert moved_apart([5.0, 1.0, 9.0], 2.0) == [5.0, 1.0, 9.0]
    assert moved_apart([1.0, 1.0, 9.0], 2.0) == [0.0, 2.0, 9.0]
