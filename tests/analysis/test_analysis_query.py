"""The filter language: what it accepts, what it means, and where it points in a text that makes no sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnreg.analysis.query import Condition, check_keys, parse_filter, why_none
from bnreg.errors import UserError

SETTINGS = {
    "optimizer.lr": 0.01,
    "training.epochs": 5,
    "model.norm": "batch",
    "model.hidden": [32, 32],
    "optimizer.nesterov": False,
    "training.early_stopping": None,
    "arm": "bn 2",
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("optimizer.lr<0.1", True),
        ("optimizer.lr < 1e-2", False),
        ("optimizer.lr<=1e-2", True),
        ("training.epochs>=5, optimizer.lr>.001", True),
        ("training.epochs>5 and optimizer.lr>0.001", False),
        ("training.epochs=5.0", True),
        ("model.norm=batch", True),
        ("model.norm!=batch", False),
        ("model.norm!=none", True),
        ("model.norm<1", False),
        ("model.hidden=[32,32]", True),
        ("model.hidden=[3.2e1, 32.0]", True),
        ("model.hidden=[32, 64]", False),
        ("optimizer.nesterov=false", True),
        ("optimizer.nesterov=0", False),
        ("training.early_stopping=null", True),
        ("arm='bn 2'", True),
        ('arm="bn 2"andtraining.epochs=5', None),
        ("unknown.key!=1", False),
    ],
)
def test_a_filter_means_what_it_says(text, holds):
    """Only numbers can be smaller or greater, and settings without the key never match."""
    if holds is None:
        with pytest.raises(UserError):
            parse_filter(text)
    else:
        assert all(condition.holds(SETTINGS) for condition in parse_filter(text)) is holds


@pytest.mark.parametrize(
    ("text", "marked", "expected"),
    [
        ("optimizer.lr<<0.1", "optimizer.lr<^<0.1", "expected a number or a word at column 14"),
        ("optimizer.lr", "optimizer.lr^", "expected one of < <= > >= = != at column 13"),
        ("", "^", "expected a key such as optimizer.lr at column 1"),
        ("lr<0.1 or lr>1", "lr<0.1 ^or lr>1", "expected a comma, 'and' or the end at column 8"),
        ("lr<small", "lr<^small", "expected a number after < at column 4"),
        ("lr<0.1,", "lr<0.1,^", "expected a key such as optimizer.lr at column 8"),
        ("lr===1", "lr==^=1", "expected a number or a word at column 5"),
        ("__import__('os')", "__import__^('os')", "expected one of < <= > >= = != at column 11"),
    ],
)
def test_a_mistake_is_marked_at_its_place(text, marked, expected):
    with pytest.raises(UserError) as error:
        parse_filter(text)
    assert error.value.lines == (f"--where: {marked!r}: {expected} (marked by ^)",)


@given(st.text(alphabet="abz.=<>!,'\"[] 019-\n\\", max_size=30))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        conditions = parse_filter(text)
    except UserError as error:
        (line,) = error.lines
        assert "^" in line
        assert "\n" not in line
    else:
        assert all(isinstance(condition, Condition) for condition in conditions)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_comparisons_order_values_as_numbers(given_value, bound):
    def holds(operator):
        (condition,) = parse_filter(f"x{operator}{bound!r}")
        return condition.holds({"x": given_value})

    assert holds("<") is (given_value < bound)
    assert holds(">=") is (given_value >= bound)
    assert holds("=") is (given_value == bound)
    assert holds("!=") is (given_value != bound)


def test_unknown_keys_are_named_with_the_closest_known_one():
    with pytest.raises(UserError) as error:
        check_keys(["lr", "optimzer.lr", "model.norm"], ["optimizer.lr", "model.norm"], "--group-by")
    assert error.value.lines == (
        "--group-by: unknown key 'lr'; did you mean 'optimizer.lr'? (choices: optimizer.lr, model.norm)",
        "--group-by: unknown key 'optimzer.lr'; did you mean 'optimizer.lr'? (choices: optimizer.lr, model.norm)",
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("arm=Drop-out", "no arm is Drop-out; did you mean 'dropout'? (choices: bn, dropout)"),
        ("model.hidden=16", "no model.hidden is 16; did you mean '[16]'? (choices: [8], [16], [80])"),
        ("model.hidden=[16,8]", "no model.hidden is [16, 8]; did you mean '[16]'? (choices: [8], [16], [80])"),
        ("optimizer.lr>=1", "no optimizer.lr is >= 1 (choices: 0.01, 0.1)"),
        ("optimizer.lr=0.011", "no optimizer.lr is 0.011 (choices: 0.01, 0.1)"),
        ("seed!=0", "every seed is 0 (choices: 0)"),
        ("arm=bn, optimizer.lr>1, seed=3", "no optimizer.lr is > 1 (choices: 0.01, 0.1); no seed is 3 (choices: 0)"),
        ("arm=bn, optimizer.lr=0.1", "each condition matches some of them, but no replica matches all"),
    ],
)
def test_a_filter_that_matches_nothing_says_which_values_there_are(text, reason):
    settings = [
        {"arm": "bn", "model.hidden": [16], "optimizer.lr": 0.01, "seed": 0},
        {"arm": "dropout", "model.hidden": [80], "optimizer.lr": 0.1, "seed": 0},
        {"arm": "dropout", "model.hidden": [8], "seed": 0},
    ]
    assert why_none(parse_filter(text), settings) == reason
