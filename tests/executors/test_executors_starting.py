"""Workers never run the program that started them, and nothing of that program has changed afterwards."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bnreg.executors import starting

# It starts two workers, and says each time that it is run.
PROGRAM = """\
print("ran")
from bnreg.executors.processes import CONTEXT
from bnreg.executors.starting import start_alone

workers = [CONTEXT.Process(target=exec, args=("import numpy, os; os.write(1, b'worked ')",)) for _ in range(2)]
for one in workers:
    start_alone(one)
for one in workers:
    one.join()
"""


def run(folder, *arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=folder, **options
    )


@pytest.mark.parametrize("how", ["script", "module", "text", "input"])
def test_a_program_without_a_main_guard_is_run_once(tmp_path, how):
    (tmp_path / "program.py").write_text(PROGRAM)
    ways = {
        "script": lambda: run(tmp_path, "program.py"),
        "module": lambda: run(tmp_path, "-m", "program"),
        "text": lambda: run(tmp_path, "-c", PROGRAM),
        "input": lambda: run(tmp_path, input=PROGRAM),
    }
    done = ways[how]()
    assert (sorted(done.stdout.split()), done.stderr) == (["ran", "worked", "worked"], "")


def test_a_worker_takes_no_module_from_the_current_folder(tmp_path):
    """A notebook's folder is on its path, and a student's file may have the name of any module."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('owned')\n")
    program = f"import sys\nsys.path.remove('')\nimport numpy\nsys.path.insert(0, '')\n{PROGRAM}"
    done = run(tmp_path, "-c", program, env=os.environ | {"PYTHONPATH": str(Path(starting.__file__).parents[2])})
    assert (sorted(done.stdout.split()), done.stderr) == (["ran", "worked", "worked"], "")


class Process:
    """What a process would take over from this one when it is started."""

    def start(self):
        main = vars(sys.modules["__main__"])
        self.seen = [*sys.path], os.environ.get("PYTHONSAFEPATH"), main.get("__spec__"), main.get("__file__")


def what_may_change():
    main = vars(sys.modules["__main__"])
    return [*sys.path], dict(os.environ), {name: main[name] for name in ("__spec__", "__file__") if name in main}


def test_everything_is_restored_even_if_no_process_can_be_started(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    before = what_may_change()
    worker = Process()
    starting.start_alone(worker)
    path, safe, spec, file = worker.seen
    assert (str(tmp_path) in path, safe, spec, file) == (False, "1", None, None)
    assert what_may_change() == before

    class Failing:
        def start(self):
            raise OSError("no memory")

    with pytest.raises(OSError, match="no memory"):
        starting.start_alone(Failing())
    assert what_may_change() == before


def test_two_threads_that_start_processes_restore_what_was_there():
    """Otherwise the second would restore what the first had only put there for a moment."""
    before = what_may_change()
    first_starts, second_starts = threading.Event(), threading.Event()

    class First:
        def start(self):
            first_starts.set()
            second_starts.wait(0.2)  # in vain

    class Second:
        def start(self):
            second_starts.set()
            first.join()

    first, second = (threading.Thread(target=starting.start_alone, args=(one(),)) for one in (First, Second))
    first.start()
    first_starts.wait()
    second.start()
    second.join()
    assert what_may_change() == before
