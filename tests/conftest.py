"""Shared fixtures: tiny data, devices, float64, and the command line called in this process."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings
from support.cells import make_tiny

from bnreg.training.stacked.process import REPRODUCIBLE

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in the workers; read when torch is first imported
os.environ.setdefault("MKL_CBWR", REPRODUCIBLE)  # as in the workers; read when MKL first computes
# The tests' mirrors are on this machine; a proxy, if there is one, is on another.
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1"
# Without bytecode files, each process that a test starts would compile all its imports: a quarter of the test's time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The same code gets the same examples, so that only a change of the code turns a test red, on machines of any speed;
# --hypothesis-profile=explore draws new examples.
settings.register_profile("repeat", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile("repeat")


def pytest_collection_modifyitems(items):
    """Give the reason for skipping a test: no CUDA device, no MNIST files, or another system."""
    for item in items:
        if item.get_closest_marker("posix") and sys.platform == "win32":
            item.add_marker(pytest.mark.skip(reason="needs signals, limits or variables that only POSIX has"))
        if item.get_closest_marker("cuda"):
            import torch

            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="no CUDA device here"))
        if item.get_closest_marker("mnist") and not os.environ.get("BNREG_DATA"):
            item.add_marker(pytest.mark.skip(reason="BNREG_DATA does not name a folder with the MNIST files"))


@pytest.fixture(scope="session", autouse=True)
def _compiled_engine():
    """Compile the engine, once on this machine, before any test trains: it says so, and takes some seconds."""
    from bnreg.training.engines import ENGINES

    if ENGINES["compiled"].unavailable() is None:
        ENGINES["compiled"].prepare_process()


@pytest.fixture(autouse=True)
def _subnormal_numbers():
    """A test that prepares this process as a worker's leaves subnormal numbers to the next: Hypothesis needs them."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def tiny():
    """A small data set that a small network learns in a few epochs."""
    return make_tiny()


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request):
    """The same test on the CPU and, if there is one, on a CUDA device."""
    import torch

    from bnreg.training.stacked.process import prepare_process

    if request.param == "cuda":
        prepare_process()  # as in the workers, whose results repeat bit for bit
    return torch.device(request.param)


@pytest.fixture
def float64():
    """Within the test, torch computes in float64, which is precise enough to check laws to twelve digits."""
    import torch

    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def float64_on_device(device, float64):  # noqa: ARG001 # float64 is used for its side effect
    """The same, and tensors are created on the device; torch's own random numbers are the same in each test."""
    import torch

    torch.manual_seed(0)
    torch.set_default_device(device)
    yield
    torch.set_default_device(None)


@pytest.fixture
def bnreg(monkeypatch, capsys, tmp_path):
    """Call the command line in this process, in an empty folder: ``bnreg("train", "x.yaml").code``."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        from bnreg.cli import main

        monkeypatch.setattr(sys, "argv", ["bnreg", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        captured = capsys.readouterr()
        return SimpleNamespace(code=code, out=captured.out, err=captured.err)

    return call


@pytest.fixture(scope="session")
def configs():
    """The folder of the committed configs."""
    return Path(__file__).parent.parent / "configs"
