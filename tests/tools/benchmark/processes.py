"""Measurements in processes of their own, on chosen cores. Needs only the standard library."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent.parent
ROOT = TESTS.parent


@contextmanager
def on_cores(*numbers: int) -> Iterator[None]:
    """Within this block, processes are started on some of this process's cores, counted from 0."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[number] for number in numbers})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def begin(
    module: str, *, python: Path = Path(sys.executable), environment: Mapping[str, str] = {}, **arguments: Any
) -> subprocess.Popen[str]:
    """Start a module of this package that answers with its measurement of these arguments."""
    return subprocess.Popen(
        [python, "-m", f"tools.benchmark.{module}", json.dumps(arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{ROOT}"} | environment,
    )


def end(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The answer of a process."""
    answered, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return dict(json.loads(answered.splitlines()[-1]))


def ask(module: str, **arguments: Any) -> dict[str, Any]:
    """Run a module of this package on the first core, and return its answer."""
    with on_cores(0):
        return end(begin(module, **arguments))


def answer(measure: Callable[..., Mapping[str, Any]]) -> None:
    """Print the measurement of the arguments on the command line; the main program of a module that is asked."""
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
