"""Measurements in processes of their own, on chosen cores. Needs only the standard library."""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent.parent
ROOT = TESTS.parent


TURNS = "BENCHMARK_TURNS"  # in the environment of processes that measure in turns
READY = "ready"


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
    module: str,
    *,
    python: Path = Path(sys.executable),
    environment: Mapping[str, str] = {},
    in_turns: bool = False,
    **arguments: Any,
) -> subprocess.Popen[str]:
    """Start a module of this package that answers with its measurement of these arguments.

    Args:
        module: The module.
        python: The interpreter.
        environment: Further variables of its environment.
        in_turns: Whether it waits for its turn before each epoch; see ``turn_about``.
        arguments: What is measured.
    """
    environment = dict(environment) | ({TURNS: "1"} if in_turns else {})
    return subprocess.Popen(
        [python, "-m", f"tools.benchmark.{module}", json.dumps(arguments)],
        stdin=subprocess.PIPE if in_turns else None,
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


def turn() -> None:
    """Wait for this process's turn, if it measures in turns with others."""
    if os.environ.get(TURNS):
        print(READY, flush=True)
        sys.stdin.readline()


def turn_about(processes: Mapping[str, subprocess.Popen[str]]) -> dict[str, dict[str, Any]]:
    """The answers of processes that measure in turns: each goes on by one turn, then the next one, while others wait.

    What else a shared machine does changes from minute to minute; this way it disturbs all of them alike.
    """
    answers: dict[str, dict[str, Any]] = {}
    waiting = deque(name for name, process in processes.items() if _waits(process, answers, name))
    while waiting:
        name = waiting.popleft()
        stdin = processes[name].stdin
        assert stdin is not None
        stdin.write("\n")
        stdin.flush()
        if _waits(processes[name], answers, name):
            waiting.append(name)
    return answers


def _waits(process: subprocess.Popen[str], answers: dict[str, dict[str, Any]], name: str) -> bool:
    """Let a process go on until it waits for its next turn, or has answered."""
    assert process.stdout is not None
    last = ""
    for line in process.stdout:
        if line.strip() == READY:
            return True
        last = line
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, process.args)
    answers[name] = dict(json.loads(last))
    return False


def answer(measure: Callable[..., Mapping[str, Any]]) -> None:
    """Print the measurement of the arguments on the command line; the main program of a module that is asked."""
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
