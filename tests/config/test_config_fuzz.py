"""Any file content gives an experiment or a list of plain error lines."""

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.config_case import PAIR
from support.config_fuzz import EXPERIMENTS, WORDS, is_told_plainly


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_an_experiment_or_plain_lines(source):
    """No file content causes a traceback."""
    is_told_plainly(source, [])


@settings(max_examples=400)
@given(st.lists(WORDS, max_size=15).map("".join))
def test_any_words_of_yaml_are_an_experiment_or_plain_lines(text):
    """Syntax in the wrong place is reported as such."""
    is_told_plainly(text.encode(), [])


@settings(max_examples=400)
@given(EXPERIMENTS)
def test_any_values_are_an_experiment_or_plain_lines(content):
    """Well-formed YAML may have any values in any place."""
    is_told_plainly(yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode(), [])


@settings(max_examples=200)
@given(st.lists(st.lists(WORDS | st.just("="), max_size=8).map("".join) | st.text(max_size=20), max_size=3))
def test_any_overrides_are_applied_or_reported_in_plain_lines(overrides):
    """No override causes a traceback."""
    is_told_plainly(PAIR.encode(), overrides)
