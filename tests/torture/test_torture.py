"""A fixed few of each row of the torture, at every run of the tests."""

import pytest
from torture import rows

ROWS = rows()


@pytest.mark.parametrize("number", ROWS)
def test_a_few_of_each_row_are_survived(number):
    """All of them are tried by ``make torture``."""
    for label, case in ROWS[number].cases(full=False):
        try:
            case()
        except Exception as error:
            raise AssertionError(f"row {number}, not survived: {label}") from error
