"""A file in the current folder never stands in for a module: not in the command, nor in a process that it starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import EXPERIMENT

import bnreg
from bnreg import search_path

HOME = Path(bnreg.__file__).parent.parent
SMALL = ("jobs=1", "seeds=1", "training.epochs=1", "--no-progress")


@pytest.fixture
def hostile(tmp_path):
    """A function that makes a folder with a file for each name, which records that it was executed, and dies."""

    def make(names):
        folder = tmp_path / "here"
        folder.mkdir()
        for name in names:
            code = f"open({str(tmp_path / 'executed')!r}, 'a').write('{name} '); raise SystemExit('owned')\n"
            (folder / f"{name}.py").write_text(code)
        (folder / "small.yaml").write_text(EXPERIMENT)
        return folder

    return make


def call(folder, *arguments):
    """Run Python there; bnreg is found in its own folder, wherever that is."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HOME)},
    )


def test_no_name_of_the_standard_library_is_taken_from_the_current_folder(hostile, tmp_path):
    """The script `bnreg` trains with a worker, draws a chart and compares: none of these runs a file that lies here."""
    script = tmp_path / "bin" / "bnreg"
    script.parent.mkdir()
    script.write_text("import sys\nfrom bnreg.__main__ import main\nif __name__ == '__main__':\n    sys.exit(main())\n")
    folder = hostile([*sys.stdlib_module_names, "numpy", "torch", "vl_convert", "bnreg"])
    done = call(folder, script, "train", "small.yaml", *SMALL)
    assert not (tmp_path / "executed").exists(), (tmp_path / "executed").read_text()
    assert done.returncode == 0, done.stderr
    assert (Path(folder, done.stdout.splitlines()[-1]) / "curves.svg").exists()
    assert "warning" not in done.stderr


def test_as_a_module_only_python_itself_could_take_a_file_from_there(hostile, tmp_path):
    """Before any line of bnreg runs, `python -m` puts the folder on the path and imports what it needs."""
    loaded = call(tmp_path, "-P", "-c", "import runpy, sys; print(*sys.modules)").stdout.split()
    folder = hostile(sys.stdlib_module_names - {"runpy", *loaded})
    done = call(folder, "-m", "bnreg", "--version")
    assert (done.stdout, done.stderr) == (f"bnreg {bnreg.__version__}\n", "")
    assert not (tmp_path / "executed").exists()


def test_the_current_folder_is_left_however_it_is_written(tmp_path, monkeypatch):
    """Empty parts of PYTHONPATH stand for it, and so do links to it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    hidden = ["", ".", str(tmp_path), str(tmp_path / "link")]
    monkeypatch.setattr(sys, "path", ["/first", *hidden, "/last"])
    search_path.leave_current_folder()
    assert sys.path == ["/first", "/last"]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/first", *hidden, "/last"]))
    variables = {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(["/first", "/last"])}
    assert search_path.environment_of_children() == variables


def test_in_a_checkout_bnreg_is_still_found_after_everything_else(monkeypatch):
    monkeypatch.chdir(HOME)
    monkeypatch.setattr(sys, "path", ["", "/other"])
    search_path.leave_current_folder()
    assert sys.path == ["/other", str(HOME)]
    monkeypatch.setenv("PYTHONPATH", str(HOME))
    assert search_path.environment_of_children()["PYTHONPATH"] == ""
