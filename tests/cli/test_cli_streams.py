"""Streams that are closed, full or limited to ASCII, closed terminals and deleted folders: the work comes first."""

import ast
import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from support.command_line import EXPERIMENT, command_line

from bnreg import cli
from bnreg.report.grid import Grid
from bnreg.standard_streams import lasting_streams
from bnreg.wording import SPELLED, SPELLINGS

TERMINAL = "Windows has no terminal that a program could play"
SMALL = ("seeds=1", "training.epochs=1")


class Failing(io.StringIO):
    """A stream that cannot be written to."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, _):
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EPIPE, errno.EIO, None], ids=lambda n: errno.errorcode.get(n))
@pytest.mark.parametrize(("stream", "code"), [("stderr", 0), ("stdout", 1)])
@pytest.mark.usefixtures("without_workers")
def test_a_run_is_complete_whatever_becomes_of_its_output(bnreg, monkeypatch, stream, code, number):
    """Without a number, the stream was closed when the command began, so its output is not wanted."""
    Path("small.yaml").write_text(EXPERIMENT)
    monkeypatch.setattr(sys, stream, None if number is None else Failing(number))
    done = bnreg("train", "small.yaml", *SMALL)
    assert done.code == (0 if number is None else code)
    assert "Traceback" not in done.err
    (run,) = Path("runs").glob("small-*")
    assert (run / "manifest.json").exists()
    if stream == "stdout" and number in (errno.ENOSPC, errno.EIO):
        assert done.err.endswith(f"{os.strerror(number)}\n")


def test_a_mistake_has_its_exit_code_even_if_it_cannot_be_reported(bnreg, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Failing(errno.ENOSPC))
    assert bnreg("train", "no.yaml").code == 2


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["train", "no.yaml"], 2)])
def test_a_command_leaves_with_its_exit_code_without_taking_its_modules_apart(arguments, code):
    """That takes libraries such as pandas most of half a second; nothing that was printed is lost."""
    program = """
import atexit
from bnreg.__main__ import main

atexit.register(print, "taken apart")
main()
"""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    said = done.stderr if code else done.stdout
    assert (done.returncode, len(said.splitlines())) == (code, 1)
    assert done.stdout + done.stderr == said


def test_a_question_without_an_input_is_a_mistake(bnreg, monkeypatch):
    (Path("runs") / "a-20261125T001805Z-926f74").mkdir(parents=True)
    monkeypatch.setattr(sys, "stdin", None)
    assert bnreg("rm", "a").code == 2


def test_the_streams_are_the_same_afterwards():
    before = sys.stdin, sys.stdout, sys.stderr
    with lasting_streams():
        assert sys.stdout is not before[1]
    assert (sys.stdin, sys.stdout, sys.stderr) == before


def test_no_file_takes_the_place_of_a_closed_stream(bnreg, tmp_path):
    """Otherwise what a library prints would be written into a snapshot."""
    (tmp_path / "small.yaml").write_text(EXPERIMENT)
    command = f"exec {sys.executable} -m bnreg train small.yaml seeds=1 jobs=1 <&- >&- 2>&-"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, check=False)
    assert done.returncode == 0
    (run,) = (tmp_path / "runs").glob("small-*")
    shown = bnreg("show", run, "--json")
    assert shown.code == 0, shown.err


def test_a_closed_terminal_interrupts_the_run(bnreg, tmp_path):
    """It sends a hang-up, and nothing can be written to it any more."""
    pty, termios, fcntl = (pytest.importorskip(name, reason=TERMINAL) for name in ("pty", "termios", "fcntl"))
    (tmp_path / "small.yaml").write_text(EXPERIMENT)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bnreg", "train", "small.yaml", "jobs=1", "training.epochs=10000"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    seen = b""
    while b"test accuracy" not in seen:
        seen += os.read(ours, 4096)
    os.close(ours)
    assert process.wait() == 129
    assert "interrupted" in bnreg("runs").out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["data"], ["data", "--json"]], ids=" ".join)
def test_a_full_disk_behind_stdout_is_one_line(arguments):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bnreg", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (1, "No space left on device\n")


def test_a_terminal_limited_to_ascii_still_shows_the_numbers(tmp_path):
    (tmp_path / "small.yaml").write_text(EXPERIMENT)
    done = command_line("train", tmp_path / "small.yaml", "--dry-run", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "12,730" in done.stdout


@pytest.mark.parametrize("command", [command.name for command in cli.app.registered_commands])
def test_in_a_deleted_folder_every_command_is_one_line(bnreg, tmp_path, monkeypatch, command):
    gone = tmp_path / "gone"
    gone.mkdir()
    bnreg("--version")
    monkeypatch.chdir(gone)
    gone.rmdir()
    done = bnreg(command)
    line = "the current folder no longer exists; change to one that does\n"
    assert (done.code, done.out, done.err) == (2, "", line)


def printed_characters():
    """The characters outside ASCII in the texts of the package; also in the docstrings of commands, which are help."""
    for path in Path(cli.__file__).parent.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            texts = [node] if path.parent.name == "cli" else [*ast.iter_child_nodes(node)]
            if isinstance(node, ast.Expr) and path.parent.name != "cli":  # a docstring
                continue
            for text in texts:
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield from (character for character in text.value if not character.isascii())


def test_every_character_that_may_be_printed_has_a_spelling():
    assert set(printed_characters()) <= set(SPELLINGS)
    assert "".join(SPELLINGS.values()).isascii()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_table_is_aligned_in_every_encoding(encoding):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=SPELLED)
    grid = Grid(["arm", "accuracy, %"], [["bn", "96.9 ± 0.2"], ["plain", "–"], ["λ≤1", "5.0 ± 0.1"]], num_names=1)
    Console(file=file, width=80).print(grid)
    file.flush()
    lines = file.buffer.getvalue().decode(encoding).splitlines()
    assert "?" not in "".join(lines)
    assert len(set(map(len, lines))) == 1
