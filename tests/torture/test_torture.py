"""A few fixed cases of each torture row, in every test run."""

import pytest

pytest.importorskip("resource", reason="the torture sends signals and sets limits, as POSIX has them")

from torture import rows  # some rows need this module, too

ROWS = rows()


@pytest.mark.parametrize("number", ROWS)
def test_a_few_of_each_row_are_survived(number):
    """``make torture`` runs all cases."""
    for label, case in ROWS[number].cases(full=False):
        try:
            case()
        except Exception as error:
            raise AssertionError(f"row {number}, not survived: {label}") from error
