"""Smoke tests of the tools that measure bnreg, ``make calibrate`` and ``make bench``, so that they keep working."""

import pytest
from tools.benchmark import keeping, stacked
from tools.benchmark_compare import seconds_of, write_runs
from tools.calibration import trained_correct


def test_the_calibration_trains_real_networks():
    correct = trained_correct(3)
    assert correct.shape == (3, 1000)
    assert 0.5 < correct.mean() < 1


def test_the_benchmarks_runs_can_be_compared(tmp_path):
    write_runs(tmp_path, 2)
    assert seconds_of(tmp_path, "--at", "epoch=7") > 0


@pytest.mark.mnist
def test_the_benchmark_trains_and_keeps():
    assert stacked(1, 1)["rate"] > 0
    assert min(keeping().values()) > 0
