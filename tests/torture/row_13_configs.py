"""Configs that no person would write: each is accepted, or rejected with plain lines, within a second."""

import functools
import itertools
import sys
import time
from collections.abc import Iterator

import yaml
from fuzzing import examples, fuzz, has_atheris
from hypothesis import strategies as st
from lab import HANGING
from torture import FOLDER, Case

sys.path.append(str(FOLDER.parent))
from support.config_case import LARGEST_STARTS, LARGEST_UNITS, largest_file
from support.config_fuzz import EXPERIMENTS, WORDS, is_told_plainly

TITLE = "configs from Hypothesis, the largest configs, and one minute of configs from atheris"
PROMISE = "Any config is accepted, or each mistake is reported in one line, within a second."

SECONDS = 1.0
FUZZ_SECONDS = 60
SOURCES = (
    st.binary(max_size=80)
    | st.lists(WORDS, max_size=20).map("".join).map(str.encode)
    | EXPERIMENTS.map(lambda content: yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())
)


def cases(full: bool) -> Iterator[Case]:
    """Two thousand configs, the largest configs, and one minute of a coverage-guided fuzzer."""
    largest = itertools.starmap(largest_file, itertools.product(LARGEST_STARTS.values(), LARGEST_UNITS))
    sources = itertools.chain(examples(SOURCES, 2000), largest) if full else examples(SOURCES, 40)
    for number, source in enumerate(sources):
        yield f"config {number}: {source[:60]!r}", functools.partial(_try, source, SECONDS if full else HANGING)
    if full and has_atheris():
        yield f"atheris, {FUZZ_SECONDS} s", _fuzz


def _try(source: bytes, seconds: float) -> None:
    start = time.process_time()
    is_told_plainly(source)
    assert time.process_time() - start < seconds


def _fuzz() -> None:
    configs = (FOLDER.parent.parent / "configs").glob("*.yaml")
    limits = (f"-max_total_time={FUZZ_SECONDS}", f"-timeout={2 * SECONDS:.0f}", "-max_len=4096")
    corpus = (config.read_bytes() for config in configs)
    fuzz("support.config_fuzz", "is_told_plainly", corpus, instrumented="bnreg.config", limits=limits)
