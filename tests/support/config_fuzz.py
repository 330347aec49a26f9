"""Configs by Hypothesis, and what must be true of any."""

import tempfile
from pathlib import Path

import yaml
from hypothesis import strategies as st
from support.config_case import CHOICES

from bnreg.config.load import load_experiment
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
