"""Imports point one way, along the flow of the data; each room does only its own work; light rooms stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bnreg

PACKAGE = Path(bnreg.__file__).parent
TESTS = Path(__file__).parent
GROUND = {
    "budget",
    "errors",
    "metrics",
    "names",
    "search_path",
    "rounds",
    "signals",
    "standard_streams",
    "stopping",
    "tuning",
    "streams",
    "wording",
}  # every room may use these
FLOW = [
    "config",
    "data",
    "nn",
    "statistics",
    "lecture",
    "diagnostics",
    "training",
    "executors",
    "runs",
    "sinks",
    "experiment",
    "analysis",
    "foreign",
    "claims",
    "trained",
    "report",
    "api",
    "cli",
]
# Packages and rooms that a room must not import; imports only for types are allowed everywhere.
IGNORANCE = {
    "config": {"torch"},
    "data": {"torch", "bnreg.nn"},
    "nn": {"bnreg.config"},
    "statistics": {"torch", "bnreg.data", "bnreg.nn"},
    "training": {"bnreg.statistics"},
    "executors": {"torch", "bnreg.statistics"},
    "runs": {"torch", "pydantic", "bnreg.nn", "bnreg.statistics"},
    "sinks": {"torch", "pandas", "rich", "altair", "bnreg.config", "bnreg.runs", "bnreg.statistics"},
    "experiment": {"torch", "rich", "altair"},
    "analysis": {"torch", "rich", "altair"},
    "foreign": {"torch", "rich", "altair", "bnreg.runs"},
    "claims": {"torch", "rich", "altair"},
    "trained": {"rich", "altair"},
    "report": {"torch", "numpy", "scipy", "statistics", "bnreg.nn", "bnreg.training", "bnreg.statistics"},
}
# Names of functions that compute something; they must not be called where results are only shown.
COMPUTING = {"agg", "fmean", "mean", "median", "polyfit", "quantile", "std", "transform", "var"}


def is_for_types(node):
    """``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def nodes(tree, *, types):
    """All nodes below a tree; those under ``if TYPE_CHECKING:`` only if ``types`` is true."""
    for node in ast.iter_child_nodes(tree):
        if types or not is_for_types(node):
            yield node
            yield from nodes(node, types=types)


def imported(path, *, types=True):
    """The full names that a module imports, anywhere in the file."""
    for node in nodes(ast.parse(path.read_text(encoding="utf-8")), types=types):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_rooms(path):
    return {name.split(".")[1] for name in imported(path) if name.startswith("bnreg.")}


def modules_of(room):
    return sorted((PACKAGE / room).rglob("*.py"))


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in GROUND)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    """A room imports only rooms before it in the flow of the data, so the code can be read in that order."""
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    allowed = GROUND | ({"__version__", room} | set(FLOW[: FLOW.index(room)]) if room in FLOW else set())
    assert imported_rooms(path) <= allowed


def test_every_room_has_its_place_in_the_flow():
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert (rooms, modules) == (set(FLOW), GROUND)


def test_every_room_is_small_enough_to_see_at_a_glance():
    """At most 20 files in a folder; a larger one is divided."""
    folders = {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}
    assert not {folder.name for folder in folders if len(list(folder.glob("*.py"))) > 20}


@pytest.mark.parametrize("room", IGNORANCE)
def test_a_room_keeps_to_its_work(room):
    for path in modules_of(room):
        if path.parent.name == "stacked":  # the torch engine
            continue
        known = {
            name for name in imported(path, types=False) for one in IGNORANCE[room] if f"{name}.".startswith(f"{one}.")
        }
        assert not known, path


@pytest.mark.parametrize("path", modules_of("report"), ids=lambda path: path.stem)
def test_the_report_computes_nothing(path):
    """The analysis computes everything that is shown: the report never even takes an average."""
    for node in nodes(ast.parse(path.read_text(encoding="utf-8")), types=False):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            assert name not in COMPUTING, f"{path}:{node.lineno}: {name}"


@pytest.mark.parametrize("path", [*modules_of("analysis"), *modules_of("claims")], ids=lambda path: path.stem)
def test_the_analysis_formats_nothing(path):
    """It returns numbers; the report decides how many decimals a reader sees."""
    for node in nodes(ast.parse(path.read_text(encoding="utf-8")), types=False):
        assert not (isinstance(node, ast.FormattedValue) and node.format_spec), f"{path}:{node.lineno}"


def test_no_test_imports_a_test():
    """Code that tests share is in ``support``, their tools are in ``tools``."""
    for path in TESTS.rglob("*.py"):
        shared = [name for name in imported(path) if name.split(".")[0].startswith(("test_", "conftest"))]
        assert not shared, path
    for folder in ("support", "tools"):
        assert not list((TESTS / folder).glob("test_*.py"))


def loaded_by(program, *arguments, cwd=None):
    """The packages that are loaded after a program has run."""
    program += "\nimport sys; print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=cwd, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


HEAVY = {"torch", "pandas", "numpy", "altair", "pydantic", "scipy", "rich", "yaml", "typer"}


@pytest.mark.parametrize(
    ("package", "absent"),
    [
        ("bnreg", HEAVY),
        ("bnreg.runs", {"torch", "pandas", "altair", "pydantic", "scipy", "rich", "yaml", "typer"}),
        ("bnreg.analysis.comparison", {"torch", "altair", "pydantic", "rich", "typer"}),
    ],
)
def test_a_package_loads_no_more_than_it_needs(package, absent):
    assert not absent & loaded_by(f"import {package}")


@pytest.mark.parametrize(
    ("command", "absent"),
    [
        (["--help"], {"torch", "pandas", "numpy", "altair"}),
        (["train", "--help"], {"torch", "pandas", "numpy", "altair"}),
        (["train", "no.yaml"], {"torch", "pandas", "altair"}),
        (["compare", "no-such-run"], {"torch", "altair"}),
        (["judge", "no-such.csv"], {"torch", "altair"}),
        (["data", "--json"], {"torch", "pandas", "altair"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_no_more_than_it_needs(command, absent, tmp_path):
    """`--help` and completion respond at once; only workers import torch."""
    program = (
        "import sys; from bnreg.cli import main; sys.argv = ['bnreg', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
    )
    assert not absent & loaded_by(program, *command, cwd=tmp_path)


def test_no_module_draws_from_a_global_generator():
    """Pairing relies on named streams: no module seeds or uses the global generators of numpy, torch or Python."""
    forbidden = ("np.random.seed", "np.random.rand", "torch.manual_seed", "torch.rand", "import random", "random_state")
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not [phrase for phrase in forbidden if phrase in text], path
