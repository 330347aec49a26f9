"""Imports point one way, down the flow of the data, and the light rooms stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bnreg

PACKAGE = Path(bnreg.__file__).parent
FLOW = [
    "config",
    "data",
    "nn",
    "training",
    "runs",
    "statistics",
    "report",
    "plan",
    "beginning",
    "experiment",
    "trained",
    "cli",
]
ROOTS = {"errors", "signals", "streams"}  # every room may use these; they use no room


def imported_rooms(path):
    """The rooms that a module imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "bnreg" else [node.module]
        for name in names:
            if name.startswith("bnreg."):
                yield name.split(".")[1]


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in {*FLOW, *ROOTS})


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    """A room imports only rooms before it in the flow of the data; reading in that order, nothing is unknown."""
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    allowed = ROOTS | ({"__version__", room} | set(FLOW[: FLOW.index(room)]) if room in FLOW else set())
    assert set(imported_rooms(path)) <= allowed


def test_every_room_has_its_place_in_the_flow():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert rooms | modules == {*FLOW, *ROOTS}


@pytest.mark.parametrize(
    ("command", "absent"),
    [
        (["--help"], {"torch", "pandas", "numpy", "altair"}),
        (["train", "--help"], {"torch", "pandas", "numpy", "altair"}),
        (["train", "no.yaml"], {"torch", "pandas", "altair"}),
        (["compare", "no-such-run"], {"torch", "altair"}),
        (["data", "--json"], {"torch", "pandas", "altair"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_no_more_than_it_needs(command, absent, tmp_path):
    """`--help` and completion answer at once; only workers import torch."""
    program = (
        "import sys; from bnreg.cli import main; sys.argv = ['bnreg', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert not absent & set(done.stderr.splitlines()[-1].split())


def test_nobody_draws_from_a_global_generator():
    """Pairing rests on named streams: no module seeds or uses the global ones of numpy, torch or Python."""
    forbidden = ("np.random.seed", "np.random.rand", "torch.manual_seed", "torch.rand", "import random", "random_state")
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not [phrase for phrase in forbidden if phrase in text], path
