"""Files with the names of modules, where commands and workers run: in the current folder, and in a run's folder."""

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from support.command_line import EXPERIMENT
from support.made_runs import make_run
from torture import Case

import bnreg
from bnreg.runs import unfinished_runs

TITLE = "a file and a package named like each module of Python and of bnreg's packages, beside the user and in runs"
PROMISE = (
    "No command and no worker takes a module from the current folder; with `python -m bnreg`, only what Python itself "
    "imports before bnreg could be."
)

HOME = Path(bnreg.__file__).parent.parent
PACKAGES = ("bnreg", "numpy", "torch", "yaml", "pandas", "altair", "vl_convert", "rich", "typer", "pydantic", "PIL")
OTHERS = ("safetensors", "filelock", "torchvision", "scipy", "sitecustomize", "usercustomize")
SCRIPT = "import sys\nfrom bnreg.__main__ import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
IMAGE = "image.png"
TRAIN = ("seeds=2", "training.epochs=1", "--jobs", "2", "--no-progress", "--runs", "trained")
# @run stands for the run that lies there.
COMMANDS = {
    "compare": ("@run", "--seeds"),
    "show": ("@run",),
    "runs": ("--runs", "."),
    "diff": ("@run", "@run"),
    "plot": ("@run", "-o", "plot.svg"),
    "predict": ("@run", IMAGE),
    "modes": ("@run", "-o", "modes.svg"),
    "fold": ("@run", "-o", "folded"),
    "export": ("@run", "--format", "safetensors", "--arm", "bn", "-o", "exported.safetensors"),
    "activations": ("-o", "activations.svg"),
    "polynomial": ("-o", "polynomial.svg"),
    "data": (),
    "train": ("small.yaml", *TRAIN),
    "--version": (),
}
FEW = "compare"


def cases(full: bool) -> Iterator[Case]:
    """Each command, started in both ways in both folders."""
    with tempfile.TemporaryDirectory(prefix="bnreg-names-") as folder:
        here = _here(Path(folder), full)
        loaded = _loaded(Path(folder))
        for command in COMMANDS if full else [FEW]:
            for is_script in (True, False) if full else (False,):
                for is_package in (False, True):
                    for is_run in (False, True) if full else (is_package,):
                        label = (
                            f"{'bnreg' if is_script else 'python -m bnreg'} {command}, "
                            f"{'packages' if is_package else 'files'}, in {'a run' if is_run else 'the current folder'}"
                        )
                        yield (
                            label,
                            functools.partial(
                                _try, here, command, loaded, is_script=is_script, is_package=is_package, is_run=is_run
                            ),
                        )


def _here(folder: Path, full: bool) -> Path:
    """A folder with a run in it, with weights if commands use them."""
    here = folder / "here"
    here.mkdir()
    (here / "small.yaml").write_text(EXPERIMENT)
    if full:
        done = _call(here, ["-P", "-m", "bnreg"], "train", "small.yaml", "training.weights=last", *TRAIN)
        assert done.returncode == 0, done.stderr
        (run,) = (here / "trained").iterdir()
        run.rename(here / "run")
        (here / "trained").rmdir()
        _write_image(here / IMAGE)
    else:
        make_run(here, "lift-20261101T120000Z-000000").rename(here / "run")
    return here


def _write_image(path: Path) -> None:
    from PIL import Image

    image = Image.new("L", (28, 28))
    image.paste(255, (10, 4, 16, 24))
    image.save(path)


def _loaded(folder: Path) -> set[str]:
    """What Python itself imports before the first line of bnreg, if that is started with ``-m``."""
    return {*_call(folder, ["-P", "-c", "import runpy, sys; print(*sys.modules)"]).stdout.split(), "runpy", "bnreg"}


def _try(here: Path, command: str, loaded: set[str], *, is_script: bool, is_package: bool, is_run: bool) -> None:
    with tempfile.TemporaryDirectory(dir=here.parent) as folder:
        copy, canary = Path(folder) / "here", Path(folder) / "executed"
        shutil.copytree(here, copy)
        current = copy / "run" if is_run else copy
        before = {path.name for path in current.iterdir()}
        names = {*sys.stdlib_module_names, *PACKAGES, *OTHERS} - (set() if is_script else loaded)
        for place in (copy, copy / "run"):
            for name in names:
                code = f"open({str(canary)!r}, 'a').write('{name} '); raise SystemExit('owned')\n"
                with contextlib.suppress(FileExistsError):
                    path = place / f"{name}.py"
                    if is_package:
                        (place / name).mkdir()
                        path = place / name / "__init__.py"
                    path.write_text(code)
        script = Path(folder) / "bin" / "bnreg"
        script.parent.mkdir()
        script.write_text(SCRIPT)
        up = copy if is_run else Path()
        places = {"@run": "." if is_run else "run", **{name: str(up / name) for name in ("small.yaml", IMAGE)}}
        words = [places.get(word, word) for word in COMMANDS[command]]
        done = _call(current, [str(script)] if is_script else ["-m", "bnreg"], command, *words)
        assert not canary.exists(), f"executed: {canary.read_text()}"
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert before <= {path.name for path in current.iterdir()}
        assert not unfinished_runs(current / "trained")


def _call(folder: Path, start: list[str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python there; bnreg is found in its own folder, wherever that is."""
    return subprocess.run(
        [sys.executable, *start, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HOME)},
    )
