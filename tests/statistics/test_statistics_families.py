"""Holm's correction against statsmodels, and the laws that it obeys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from bnreg.statistics.families import holm


@pytest.fixture(autouse=True, scope="module")
def _no_collections():
    """Statsmodels collects garbage at each call: half a second, late in a test run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gc.collect", lambda *_: 0)
        yield


# Sign-flip p come in steps, so ties are common.
p_values = st.lists(st.one_of(st.floats(0, 1), st.integers(0, 32).map(lambda k: k / 32)), min_size=1, max_size=30)


@given(p_values)
@settings(max_examples=50)
def test_it_is_statsmodels_holm(values):
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1])


@given(p_values)
def test_correcting_never_lowers_p_nor_changes_the_order(values):
    corrected = holm(values)
    assert (corrected >= values).all()
    assert (corrected <= 1).all()
    assert (np.diff(corrected[np.argsort(values)]) >= 0).all()


@given(p_values, st.randoms())
def test_the_order_of_the_comparisons_does_not_matter(values, random):
    order = random.sample(range(len(values)), len(values))
    assert (holm(np.array(values)[order]) == holm(values)[order]).all()


def test_known_values():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.2]) == pytest.approx([0.2])
    assert holm([0.5, 0.5]) == pytest.approx([1, 1])
    assert len(holm([])) == 0


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_a_value_that_is_not_a_probability_is_refused(bad):
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
        holm([0.5, bad])
