"""Configs that no person would write: each is accepted, or rejected with plain lines, within a second."""

import functools
import importlib.util
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml
from hypothesis import HealthCheck, Phase, given, settings
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
# Runs in its own process because atheris ends the process when it is done.
FUZZER = """
import sys, atheris
sys.path.append(sys.argv.pop())
with atheris.instrument_imports(include=["bnreg.config"]):
    from support.config_fuzz import is_told_plainly
atheris.Setup(sys.argv, lambda source: is_told_plainly(source, []))
atheris.Fuzz()
"""


def cases(full: bool) -> Iterator[Case]:
    """Two thousand configs, the largest configs, and one minute of a coverage-guided fuzzer."""
    largest = itertools.starmap(largest_file, itertools.product(LARGEST_STARTS.values(), LARGEST_UNITS))
    sources = itertools.chain(_sources(2000), largest) if full else _sources(40)
    for number, source in enumerate(sources):
        yield f"config {number}: {source[:60]!r}", functools.partial(_try, source, SECONDS if full else HANGING)
    if not full:
        return
    if importlib.util.find_spec("atheris") is None:
        print("    skipped: atheris is not installed; pip install 'bnreg[torture]'")
        return
    yield f"atheris, {FUZZ_SECONDS} s", _fuzz


def _sources(number: int) -> list[bytes]:
    found: list[bytes] = []

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(SOURCES)
    def collect(source: bytes) -> None:
        found.append(source)

    collect()
    return found


def _try(source: bytes, seconds: float) -> None:
    start = time.process_time()
    is_told_plainly(source, [])
    assert time.process_time() - start < seconds


def _fuzz() -> None:
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for config in (FOLDER.parent.parent / "configs").glob("*.yaml"):
            (corpus / config.name).write_bytes(config.read_bytes())
        limits = [f"-max_total_time={FUZZ_SECONDS}", f"-timeout={2 * SECONDS:.0f}", "-max_len=4096", "-verbosity=0"]
        done = subprocess.run(
            [sys.executable, "-c", FUZZER, *limits, str(corpus), str(FOLDER.parent)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
