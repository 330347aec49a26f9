"""The numbers of pairs below which no verdict is possible."""

import numpy as np
import pytest

from bnreg.statistics.families import holm
from bnreg.statistics.power import fewest_pairs
from bnreg.statistics.sign_flip import sign_flip_p_value


@pytest.mark.parametrize("family_size", [1, 2, 4, 5, 10, 100, 26_000])
def test_fewer_pairs_than_the_fewest_cannot_reach_significance(family_size):
    """Whatever their values: Holm multiplies the smallest p of a family by its size."""
    number = fewest_pairs(family_size)
    for num_pairs, can in ((number - 1, False), (number, True)):
        p_values = [sign_flip_p_value(np.ones(num_pairs))] + [1.0] * (family_size - 1)
        assert bool(holm(p_values)[0] < 0.05) is can


def test_in_too_large_a_family_no_comparison_can_reach_significance():
    assert fewest_pairs(27_000) is None
