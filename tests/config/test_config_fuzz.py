"""Whatever stands in a file, it is an experiment or a list of plain lines."""

import tempfile
from pathlib import Path

import yaml
from config_case import CHOICES, PAIR
from hypothesis import given, settings
from hypothesis import strategies as st

from bnreg.config import load_experiment
from bnreg.errors import UserError

WORDS = st.sampled_from(
    [
        *"[]{}:,-?&*!|>'\"#%@`~ \n\t\r\\\x85\ufeff\u202e",
        *(": ", "\n  ", "\n- ", "<<", "true", "null", ".nan", "1e999", "0x", "a\nb"),
        *("data", "model", "optimizer", "training", "arms", "baseline", "seeds", "sweep", "zip", "name"),
        *("batch", "sgd", "hidden", "early_stopping", "schedule", "model.norm", "optimizer.lr", "arms.a.model.norm"),
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=8
)
SECTION = st.dictionaries(
    st.sampled_from(["norm", "hidden", "lr", "name", "schedule", "init", "x"]), VALUES, max_size=3
)
EXPERIMENTS = st.fixed_dictionaries(
    {},
    optional={
        "model": SECTION | VALUES,
        "optimizer": SECTION | VALUES,
        "training": st.fixed_dictionaries({"early_stopping": VALUES}) | VALUES,
        "arms": st.dictionaries(
            st.sampled_from(["a", "b", "a.b", "a\nb"]), VALUES | st.fixed_dictionaries({"model": VALUES})
        ),
        "baseline": st.sampled_from(["a", "b", "base"]) | VALUES,
        "seeds": VALUES,
        "sweep": st.dictionaries(WORDS, st.lists(VALUES, max_size=3) | VALUES, max_size=3) | VALUES,
        "name": VALUES,
        "x\ny": VALUES,
    },
)


def is_told_plainly(source: bytes, overrides: list[str]) -> None:
    """Load the file; any exception other than the user's mistakes in single lines fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.yaml")
        path.write_bytes(source)
        lines: tuple[str, ...] = ("",)
        try:
            experiment = load_experiment(path, overrides, CHOICES)
        except UserError as error:
            lines = error.lines
            experiment = None
        assert lines
        assert all(line.isprintable() and len(line) < 1000 for line in lines), lines
        if experiment is None:
            return
        path.write_text(yaml.safe_dump(experiment.resolved, sort_keys=False), encoding="utf-8")
        assert load_experiment(path, [], CHOICES).cells == experiment.cells


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_an_experiment_or_plain_lines(source):
    """Nothing in a file is worth a traceback."""
    is_told_plainly(source, [])


@settings(max_examples=400)
@given(st.lists(WORDS, max_size=15).map("".join))
def test_any_words_of_yaml_are_an_experiment_or_plain_lines(text):
    """Syntax in the wrong place is told as such."""
    is_told_plainly(text.encode(), [])


@settings(max_examples=400)
@given(EXPERIMENTS)
def test_any_values_are_an_experiment_or_plain_lines(content):
    """Well-formed YAML with any values in any place."""
    is_told_plainly(yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode(), [])


@settings(max_examples=200)
@given(st.lists(st.lists(WORDS | st.just("="), max_size=8).map("".join) | st.text(max_size=20), max_size=3))
def test_any_overrides_are_applied_or_told_in_plain_lines(overrides):
    """Nothing on the command line is worth a traceback."""
    is_told_plainly(PAIR.encode(), overrides)
