"""Examples from Hypothesis, and a coverage-guided fuzzer in its own process."""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from torture import FOLDER

# In its own process because atheris ends the process when it is done.
PROGRAM = """
import sys, atheris
sys.path.append(sys.argv.pop())
function, module, instrumented = sys.argv.pop(), sys.argv.pop(), sys.argv.pop()
with atheris.instrument_imports(include=instrumented.split()):
    target = getattr(__import__(module, fromlist=[function]), function)
atheris.Setup(sys.argv, target)
atheris.Fuzz()
"""


def examples(strategy: SearchStrategy[Any], number: int) -> list[Any]:
    """The first examples of a strategy, the same at every call."""
    found: list[Any] = []

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


def has_atheris() -> bool:
    """Whether atheris is installed; if not, say so."""
    if importlib.util.find_spec("atheris") is None:
        print("    skipped: atheris is not installed; pip install 'bnreg[torture]'")
        return False
    return True


def fuzz(module: str, function: str, corpus: Iterable[bytes], *, instrumented: str, limits: Iterable[str]) -> None:
    """Call a function with bytes that lead to code which none before led to; it must not raise.

    Args:
        module: A module of ``tests``.
        function: The function in it.
        corpus: The bytes to begin with.
        instrumented: The packages whose code is watched, separated by blanks.
        limits: Options of libFuzzer.
    """
    with tempfile.TemporaryDirectory() as folder:
        begin = Path(folder) / "corpus"
        begin.mkdir()
        for number, content in enumerate(corpus):
            (begin / str(number)).write_bytes(content)
        options = [*limits, "-verbosity=0", str(begin), instrumented, module, function, str(FOLDER.parent)]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *options], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
