"""The words for a person: the order of values and names."""

import pytest

from bnreg.wording import natural_order


@pytest.mark.parametrize(
    "ordered",
    [
        [[8], [16], [16, 16], [80]],
        ["run-1", "run-2", "run-10"],
        ["lr-0.05", "lr-0.1", "lr-0.25", "lr-1"],
        ["a", "a1", "a01b", "a1b", "a2", "b"],
        [-1, 0.5, 1, 2, 10, "false", "null", "true", [1]],
        [1e-5, 0.001],
        ["x" + "9" * 400, "y"],
    ],
    ids=str,
)
def test_values_and_names_sort_as_a_person_counts(ordered):
    backwards = ordered[::-1]
    assert sorted(backwards, key=natural_order) == ordered


def test_values_of_all_kinds_can_be_sorted_together():
    values = [None, True, 3, "3", "three", [3, "a"], [[3], None], {"a": 1}, "", 2.5]
    backwards = values[::-1]
    assert sorted(backwards, key=natural_order) == sorted(values, key=natural_order)
