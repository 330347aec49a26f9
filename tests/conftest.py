"""What many tests need: tiny data, cells, and the command line called in this process."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings
from support.cells import make_tiny

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in the workers; read when torch is first imported
# The many processes that tests start would each compile all that they import: a quarter of the time of such tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The same code gets the same examples, so that what turns a test red is the change at hand, on machines of any speed;
# new examples are drawn with --hypothesis-profile=explore.
settings.register_profile("repeat", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile("repeat")


def pytest_collection_modifyitems(items):
    """Say why a test is left out: no CUDA device, or no MNIST files."""
    for item in items:
        if item.get_closest_marker("cuda"):
            import torch

            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="no CUDA device here"))
        if item.get_closest_marker("mnist") and not os.environ.get("BNREG_DATA"):
            item.add_marker(pytest.mark.skip(reason="BNREG_DATA does not name a folder with the MNIST files"))


@pytest.fixture(scope="session")
def tiny():
    """A small data set that a small network learns in a few epochs."""
    return make_tiny()


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request):
    """The same test on the CPU and, where there is one, on a CUDA device."""
    import torch

    from bnreg.training.stacked.process import prepare_process

    if request.param == "cuda":
        prepare_process()  # as in the workers, whose results repeat bit for bit
    return torch.device(request.param)


@pytest.fixture
def float64():
    """Within the test, torch computes in float64, where rounding leaves laws visible to twelve digits."""
    import torch

    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def float64_on_device(device, float64):  # noqa: ARG001 # float64 is wanted for what it sets
    """The same, and tensors are made on the device; torch's own random numbers are the same in each test."""
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
