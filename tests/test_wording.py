"""The words for a person: the order of values and names, and long names told apart."""

import pytest

from bnreg.wording import MAX_SHOWN, natural_order, told_apart


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


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["bn", "plain"], ["bn", "plain"]),
        (["a" * 30 + "-one", "a" * 30 + "-two"], ["a" * 10 + "…aaaaa-one", "a" * 10 + "…aaaaa-two"]),
        (
            ["x" * 20 + f"_{k}_" + "y" * 20 for k in (1, 12)],
            ["…1_" + "y" * 7 + "…" + "y" * 9, "…12_" + "y" * 6 + "…" + "y" * 9],
        ),
    ],
    ids=["short", "ends", "middles"],
)
def test_long_names_are_shortened_where_they_are_alike(names, shown):
    assert told_apart(names, 20) == shown


@pytest.mark.parametrize("place", range(0, 60, 4))
def test_forty_long_names_are_told_apart_wherever_they_differ(place):
    names = ["".join(("n" * place, f"{number:02}", "n" * (60 - place))) for number in range(40)]
    shown = told_apart(names)
    assert len(set(shown)) == 40
    assert max(map(len, shown)) <= MAX_SHOWN


def test_names_that_differ_in_several_far_places_are_numbered():
    names = [f"{'n' * 40}{one}{'n' * 40}{other}{'n' * 40}" for one in "ab" for other in "ab"]
    shown = told_apart(names)
    assert len(set(shown)) == 4
    assert max(map(len, shown)) <= MAX_SHOWN
