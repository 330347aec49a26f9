"""Charts are drawn by another process, whose death costs nothing but the chart."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import EXPERIMENT
from support.made_runs import make_view

from bnreg.report.charts import process as drawing
from bnreg.report.charts import rendering
from bnreg.report.charts.curves import draw
from bnreg.report.charts.drawing import render_chart
from bnreg.report.charts.process import draw_in_a_process, ready_to_draw

KILLED = (
    "the process that draws charts was killed by signal 6; the usual cause is a limit on memory, such as `ulimit -v`"
)


@pytest.fixture
def drawing_program(monkeypatch, tmp_path):
    """A function that puts another program in place of the one that draws, in its own process."""
    monkeypatch.setattr(drawing, "draw_in_a_process", draw_in_a_process)

    def replace(code):
        program = tmp_path / "draw.py"
        program.write_text(code)
        monkeypatch.setattr(rendering, "__file__", str(program))

    return replace


def test_another_process_draws_the_same(monkeypatch):
    chart = draw(make_view(num_epochs=1))
    here = render_chart(chart, "svg")
    monkeypatch.setattr(drawing, "draw_in_a_process", draw_in_a_process)
    assert render_chart(chart, "svg") == here


def test_a_process_that_is_ready_draws_the_next_chart_and_is_ended_if_there_is_none(drawing_program, monkeypatch):
    chart = draw(make_view(num_epochs=1))
    drawing_program("import os, sys; sys.stdin.read(); print(os.getpid())")
    with ready_to_draw("svg"):
        (process,) = drawing._ready.values()
        assert int(render_chart(chart, "svg")) == process.pid
        assert int(render_chart(chart, "svg")) != process.pid
    with ready_to_draw("svg"):
        (process,) = drawing._ready.values()
    assert process.returncode == (1 if sys.platform == "win32" else -signal.SIGKILL)
    with ready_to_draw("svg"):
        (process,) = drawing._ready.values()
        process.kill()  # as by a system without memory
        process.wait()
        assert int(render_chart(chart, "svg")) != process.pid
    monkeypatch.setattr(drawing, "_start", no_process)
    with ready_to_draw("svg"):  # which is not needed yet
        assert not drawing._ready


def no_process(*_):
    raise OSError


@pytest.mark.usefixtures("without_workers")
def test_a_run_whose_chart_cannot_be_drawn_is_complete(bnreg, drawing_program):
    Path("small.yaml").write_text(EXPERIMENT)
    drawing_program("import os; os.abort()")
    done = bnreg("train", "small.yaml", "seeds=1", "training.epochs=1", "--no-progress")
    assert done.code == 0
    assert f"warning: no chart was drawn: {KILLED}\n" in done.err
    run = Path(done.out.splitlines()[-1])
    assert (run / "manifest.json").exists()
    assert not (run / "curves.svg").exists()
    assert bnreg("runs", "--state", "complete").out.startswith(run.name)


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import os; os.abort()", KILLED),
        ("raise ValueError('no such mark')", "ended with exit code 1: ValueError: no such mark"),
        ("raise SystemExit(3)", "ended with exit code 3"),
        ("import time; time.sleep(60)", "drawing a chart took more than 0.5 seconds"),
    ],
)
def test_a_chart_that_cannot_be_drawn_is_one_line(bnreg, drawing_program, monkeypatch, code, line):
    drawing_program(code)
    monkeypatch.setattr(drawing, "MAX_SECONDS", 0.5)
    done = bnreg("activations", "-o", "drawn.svg")
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith(f"{line}\n")
    assert len(done.err.splitlines()) == 1
    assert not Path("drawn.svg").exists()


def test_a_limit_on_the_address_space_ends_only_the_drawing(tmp_path):
    """The drawing engine reserves far more than it uses, and batch systems set such limits."""
    resource = pytest.importorskip("resource", reason="Windows has no such limits")

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    done = subprocess.run(
        [sys.executable, "-m", "bnreg", "activations", "-o", tmp_path / "drawn.svg"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    assert done.returncode == 1, done.stderr
    assert "the process that draws charts was killed by signal" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
