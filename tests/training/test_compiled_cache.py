"""The compiled programs on disk: whatever happens to them, an engine that starts has its programs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bnreg.training.compiled import cache
from bnreg.training.compiled.coverage import unavailable

pytestmark = [
    pytest.mark.skipif(unavailable() is not None, reason=f"no compiled engine here: {unavailable()}"),
    pytest.mark.posix,  # kills, limits, and a cache that XDG_CACHE_HOME names
]

TESTS = Path(__file__).parent.parent
WITHOUT_AVX512 = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+bmi,+bmi2,+sse4.2,+popcnt"}
# Trains dropout, batch norm and PReLU, on images with few zeros and with many, and prints the losses to the last bit.
TRAINING = """
import json
from support.cells import TINY_SIZES, make_cell, make_tiny
from support.stacks import shard_of, trained
model = {"hidden": (32, 32), "norm": "batch", "activation": "prelu", "dropout": 0.1}
shard = shard_of([make_cell(model=model)])
results = [trained(shard, make_tiny(ink=ink), engine="compiled") for ink in (1.0, 0.3)]
from bnreg.training.compiled import kernels
losses = [row["train_loss"] for result in results for row in result.tables["metrics"]]
print(json.dumps([kernels.train.was_loaded, losses]))
"""
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from bnreg.training.engines import ENGINES
from bnreg.training.shards import plan_shards

def shard_of(cells):
    return plan_shards(cells, (3, 5), num_workers=1, sizes=TINY_SIZES)[0]

def trained(shard, dataset, engine):
    made = ENGINES[engine].make(shard, dataset, "cpu", None)
    list(made.train())
    made.state()
    return made.result()
"""


def start(folder, *arguments, **variables):
    """Start Python with a cache folder of its own."""
    environment = os.environ | {"XDG_CACHE_HOME": str(folder), "PYTHONPATH": str(TESTS)} | variables
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *arguments], env=environment, cwd=TESTS.parent, **pipes)


def small(folder, *arguments, **variables):
    """Start a small program; return its answer."""
    out, err = start(folder, TESTS / "support" / "small_program.py", *arguments, **variables).communicate()
    assert not err
    return out.strip()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A folder with the small program."""
    folder = tmp_path_factory.mktemp("cache")
    assert small(folder) == "compiled 3"
    return folder


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_program_is_compiled_once(filled):
    before = [(path, path.stat().st_mtime_ns) for path in files_in(filled) if path.suffix != ".lock"]
    assert small(filled) == "loaded 3"
    assert [(path, path.stat().st_mtime_ns) for path in files_in(filled) if path.suffix != ".lock"] == before


def test_of_two_processes_at_once_one_compiles_and_the_other_waits(tmp_path):
    both = [start(tmp_path, TESTS / "support" / "small_program.py") for _ in range(2)]
    assert sorted(process.communicate()[0].strip() for process in both) == ["compiled 3", "loaded 3"]


def test_a_kill_while_it_compiles_does_no_harm(tmp_path):
    assert small(tmp_path, "kill") == ""
    assert small(tmp_path) == "compiled 3"
    assert small(tmp_path) == "loaded 3"


@pytest.mark.parametrize("damage", ["changed", "cut", "missing", "seal"])
def test_a_damaged_program_is_compiled_again(tmp_path, damage):
    assert small(tmp_path) == "compiled 3"
    for path in files_in(tmp_path):
        if (path.name == cache.SEAL) == (damage == "seal") and path.suffix != ".lock":
            content = path.read_bytes()
            path.unlink()
            if damage != "missing":
                path.write_bytes(content[:-9] if damage == "cut" else b"x" + content[1:])
    assert small(tmp_path) == "compiled 3"
    assert small(tmp_path) == "loaded 3"


@pytest.mark.parametrize("what", ["a file", "absent below a file", "read-only"])
def test_without_a_folder_programs_are_compiled_for_the_process_alone(tmp_path, what):
    place = tmp_path / "cache"
    if what == "read-only":
        place.mkdir(mode=0o500)
    else:
        place.write_text("")
    folder = place / "deeper" if what == "absent below a file" else place
    answers = {small(folder) for _ in range(2)}
    assert answers == {"compiled 3"} or (what == "read-only" and os.access(place, os.W_OK))  # root may write anywhere


def test_without_space_programs_are_compiled_for_the_process_alone(tmp_path):
    assert small(tmp_path, "full") == "compiled 3"
    assert small(tmp_path) == "compiled 3"
    assert small(tmp_path) == "loaded 3"


def test_a_folder_that_may_not_be_written_is_neither_read_nor_replaced_by_another(filled):
    """Numba would write beside the sources, where nothing tells one version from the next."""
    assert small(filled, "read-only") == "compiled 3"
    assert not [*TESTS.rglob("*.nbi")]


def test_every_version_and_processor_has_its_own_folder(monkeypatch):
    def folder():
        cache._key.cache_clear()
        return cache.folder()

    folders = [folder()]
    monkeypatch.setattr(cache, "version", lambda package: f"{package} of tomorrow")
    folders.append(folder())
    monkeypatch.setattr(cache, "processor", lambda: ("another", "+avx2,+fma"))
    folders.append(folder())
    monkeypatch.undo()
    assert len({*folders}) == 3
    assert folder() == folders[0]


def test_the_bits_are_the_same_whether_programs_were_just_compiled_or_loaded(tmp_path):
    runs = [start(tmp_path, "-c", TRAINING).communicate() for _ in range(2)]
    (first, losses), (second, again) = (json.loads(out) for out, _ in runs)
    assert (first, second) == (False, True)
    assert losses == again
    # Without the wide registers of AVX-512, square roots and quotients are rounded otherwise.
    out, _ = start(tmp_path, "-c", TRAINING, **WITHOUT_AVX512).communicate()
    loaded, narrow = json.loads(out)
    assert not loaded
    assert narrow == pytest.approx(losses, abs=1e-5)


def test_a_worker_of_the_engine_never_imports_torch():
    """Nor anything that does: training, evaluation, statistics and results work without it."""
    code = WITHOUT_TORCH + TRAINING.replace("from support.stacks import shard_of, trained", "")
    out, err = start(cache.folder().parent.parent.parent, "-c", code).communicate()
    assert not err
    assert json.loads(out)[1]
